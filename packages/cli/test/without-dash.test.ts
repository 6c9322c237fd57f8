import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isExecutable, searchPath } from "@lock/redis-harness/host";
import { expect, useOwnTests, useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, describe, it } from "vitest";
import { hasEnded, isThere, MAIN, sessionOf, stateOf } from "./support/lock.ts";
import { openShell, type Terminal } from "./support/terminal.ts";

/** A start of `lock` takes most of a second of a core, and its server has to answer within three seconds. */
useOwnTests({ atOnce: 3 });
const redis = useRedis();
const folder = await mkdtemp(join(tmpdir(), "lock-without-dash-"));
const NEEDED = ["sh", "cat", "sleep", "true"];

/** What PATH has in the place of dash: directories with nothing but what is needed here, and that. */
const DASHES = {
  "is not there": async () => undefined,
  "is not executable": (path: string) => writeFile(path, "#!/bin/sh\nexit 7\n"),
  "is no shell": async (path: string) => symlink(await find("true"), path),
};

beforeAll(async () => {
  for (const [what, place] of Object.entries(DASHES)) {
    await mkdir(pathOf(what));
    for (const name of NEEDED) await symlink(await find(name), join(pathOf(what), name));
    await place(join(pathOf(what), "dash"));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function pathOf(what: string): string {
  return join(folder, what);
}

async function find(name: string): Promise<string> {
  for (const directory of searchPath()) {
    if (await isExecutable(join(directory, name))) return join(directory, name);
  }
  throw new Error(`${name} is not on PATH`);
}

function shellWithout(what: keyof typeof DASHES = "is not there"): Promise<Terminal> {
  return openShell({ REDIS_URL: redis.url, PATH: pathOf(what) });
}

const run = (key: string, script: string) =>
  `'${process.execPath}' '${MAIN}' run ${key} --ttl 1m --grace 500ms -- sh -c '${script}'`;

let keys = 0;

/** Runs a script whose first line is `begun`, its pid, that of its child (0: none), and that of `lock run`. */
async function begin(shell: Terminal, key: string, script: string, after = ""): Promise<number[]> {
  shell.type(`${run(`${key}-${++keys}`, script)}${after}\r`);
  const shown = await shell.shows(/begun \d+ \d+ \d+\r\n/);
  const pids = (/begun (\d+) (\d+) (\d+)/.exec(shown) ?? []).slice(1).map(Number);
  // So it is certain that there was no job control.
  expect(sessionOf(pids[0] ?? 0)).toBe(pids[0]);
  return pids;
}

const SAY = 'child=$!; echo be""gun $$ $((child)) $PPID';
const WITH_CHILD = `sleep 300 & ${SAY}; wait`;

describe.concurrent.each(Object.keys(DASHES) as (keyof typeof DASHES)[])(
  "at a terminal, where dash %s",
  (what) => {
    it("the command has a session of its own, gets what is typed, and its end", async () => {
      using shell = await shellWithout(what);
      await begin(shell, "typed", `${SAY}; exec cat`, "; echo code=$?");
      shell.type("hello\r");
      await shell.shows(/hello\r\nhello\r\n/);
      shell.type("\u0004");
      await shell.shows("code=0");
    });
  },
);

describe.concurrent("at a terminal, without dash", () => {
  it.each([
    { script: "kill -TERM $$", code: 143 },
    { script: "kill -INT $$", code: 130 },
    { script: "exec /", code: 126 },
  ])("lock run ends with the code of the command: $script", async ({ script, code }) => {
    using shell = await shellWithout();
    await begin(shell, "codes", `${SAY}; read line; ${script}`, "; echo code=$?");
    shell.type("\r");
    await shell.shows(`code=${code}\r`);
  });

  it("Ctrl-C ends the command and its child, with the code of a signal", async () => {
    using shell = await shellWithout();
    const pids = await begin(shell, "ctrl-c", WITH_CHILD, "; echo code=$?");
    shell.type("\u0003");
    await shell.shows("ready> ");
    expect(pids.filter((pid) => !hasEnded(pid))).toEqual([]);
    shell.type("echo code=$?\r");
    await shell.shows("code=130");
  });

  it("a command that hears Ctrl-C hears it once, and ends as it likes", async () => {
    using shell = await shellWithout();
    const script = `trap "echo got; n=1\\$n" INT; ${SAY}; while test -z "$n"; do sleep 0.05; done; sleep 0.5; exit $n`;
    await begin(shell, "heard", script, "; echo code=$?");
    shell.type("\u0003");
    expect((await shell.shows("code=1\r")).match(/got/g)).toHaveLength(1);
  });

  it("Ctrl-Z stops the command and its child, fg lets them go on", async () => {
    using shell = await shellWithout();
    const [pid = 0, child = 0] = await begin(
      shell,
      "ctrl-z",
      `sleep 300 & ${SAY}; read line; echo "read $line"`,
    );
    for (let round = 0; round < 2; round++) {
      shell.type("\u001a");
      await shell.shows("Stopped");
      await shell.shows("ready> ");
      await expect.poll(() => [pid, child].map(stateOf)).toEqual(["T", "T"]);
      shell.type("fg\r");
      await expect.poll(() => [pid, child].map(stateOf)).toEqual(["S", "S"]);
    }
    shell.type("words\r");
    await shell.shows("read words");
    await shell.shows("ready> ");
    expect([pid, child].filter((each) => !hasEnded(each))).toEqual([]);
  });

  it("passes signals on, each once", async () => {
    using shell = await shellWithout();
    const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"] as const;
    const traps = signals.map((signal) => `trap "echo go""t ${signal}" ${signal.slice(3)}`);
    const last = `trap "echo go""t SIGUSR1; exit 9" USR1`;
    const script = `${[...traps, last].join("; ")}; ${SAY}; while :; do sleep 0.05; done`;
    const [, , lockRun = 0] = await begin(shell, "signals", script, "; echo code=$?");
    for (const signal of signals) {
      process.kill(lockRun, signal);
      expect((await shell.shows(`got ${signal}\r`)).match(/got/g)).toHaveLength(1);
    }
    await shell.shows("code=9\r");
  });

  it("what the command leaves behind has ended before lock run does", async () => {
    using shell = await shellWithout();
    const script = `(trap "" TERM; exec sleep 300) & ${SAY}; read line; exit 4`;
    const [pid = 0, child = 0] = await begin(shell, "left", script, "; echo code=$?");
    shell.type("\r");
    await shell.shows("code=4\r");
    expect(hasEnded(child)).toBe(true);
    await expect.poll(() => isThere(-pid)).toBe(false);
  });

  it("leaves a terminal that works, and no child, when lock run is killed", async () => {
    using shell = await shellWithout();
    const [pid = 0, child = 0, lockRun = 0] = await begin(shell, "killed", WITH_CHILD);
    process.kill(lockRun, "SIGKILL");
    await shell.shows("Killed");
    await shell.shows("ready> ");
    await expect.poll(() => [pid, child].map(hasEnded)).toEqual([true, true]);
    shell.type('read -p "as""ked: " line && echo "got $line"\r');
    await shell.shows("asked: ");
    shell.type("words\r");
    await shell.shows("got words");
  });

  it("started in the background, it reads nothing of what is typed to the shell", async () => {
    using shell = await shellWithout();
    shell.type(`${run("ampersand", 'cat; echo en""ded')} &\r`);
    await shell.shows("ended");
    shell.type("wait; echo st''ill here\r");
    await shell.shows("still here");
  });
});

import { readFileSync } from "node:fs";
import { expect, useOwnTests, useRedis } from "@lock/redis-harness/vitest";
import { describe, it } from "vitest";
import { hasEnded, MAIN } from "./support/lock.ts";
import { openShell as shellWith, Terminal } from "./support/terminal.ts";

/** A start of `lock` takes most of a second of a core, and its server has to answer within three seconds. */
useOwnTests({ atOnce: 3 });
const redis = useRedis();
const run = (key: string, words: string) => `${process.execPath} ${MAIN} run ${key} --ttl 1m -- ${words}`;
/** Says so once it runs: what is typed before that is for the shell. */
const TALKS = "sh -c 'echo be\"\"gun; exec cat'";

/** Does no more than sleep: a shell that is stopped while it starts a program (vfork) does not stop in all of its parts. */
const SLEEPS = `sh -c 'echo be""gun; exec sleep 2'`;

const openShell = () => shellWith({ REDIS_URL: redis.url });

it.concurrent("passes on what is typed, and its end", async () => {
  using shell = await openShell();
  shell.type(`${run("typed", TALKS)}; echo code=$?\r`);
  await shell.shows("begun");
  shell.type("hello\r");
  await shell.shows(/hello\r\nhello\r\n/);
  shell.type("\u0004");
  await shell.shows("code=0");
});

it.concurrent("Ctrl-C ends the command, with the code of a signal", async () => {
  using shell = await openShell();
  shell.type(`${run("ctrl-c", TALKS)}\r`);
  await shell.shows("begun");
  shell.type("\u0003");
  await shell.shows("ready> ");
  shell.type("echo code=$?\r");
  await shell.shows("code=130");
});

describe.concurrent.each([
  { what: "a command that has the terminal", before: "", script: "exec cat" },
  { what: "a command that has a session of its own", before: "true | ", script: "exec sleep 300" },
])("Ctrl-C ends the script around lock run as well", ({ what, before, script }) => {
  it(`with ${what}`, async () => {
    using shell = await openShell();
    const words = `sh -c "echo be\\"\\"gun; ${script}"`;
    shell.type(`bash -c '${before}${run(`script-${before.length}`, words)}; echo not""reached'\r`);
    await shell.shows("begun");
    shell.type("\u0003");
    expect(await shell.shows("ready> ")).not.toContain("notreached");
    shell.type("echo code=$?\r");
    await shell.shows("code=130");
  });
});

it.concurrent("Ctrl-C ends the script around lock run as well while it waits", async () => {
  using first = await openShell();
  using second = await openShell();
  first.type(`${run("waits", TALKS)} \r`);
  await first.shows("begun");
  second.type(`bash -c '${run("waits", "true")}; echo not""reached'\r`);
  await second.shows('lock: waiting for "waits"');
  second.type("\u0003");
  expect(await second.shows("ready> ")).not.toContain("notreached");
  second.type("echo code=$?\r");
  await second.shows("code=130");
});

it.concurrent("a command that hears Ctrl-C ends as it likes", async () => {
  using shell = await openShell();
  shell.type(`${run("heard", 'sh -c \'trap "exit 9" INT; echo be""gun; read line\'')}; echo code=$?\r`);
  await shell.shows("begun");
  shell.type("\u0003");
  await shell.shows("code=9");
});

it.concurrent("Ctrl-Z stops it, fg and bg let it go on, and a command in the background that reads is stopped", async () => {
  using shell = await openShell();
  shell.type(`${run("ctrl-z", TALKS)}\r`);
  await shell.shows("begun");
  for (const word of ["first", "second"]) {
    shell.type("\u001a");
    await shell.shows("Stopped");
    await shell.shows("ready> ");
    shell.type("fg\r");
    await shell.shows("cat'\r\n");
    shell.type(`${word}\r`);
    await shell.shows(new RegExp(`${word}\r\n${word}\r\n`));
  }
  shell.type("\u001a");
  await shell.shows("ready> ");
  shell.type("bg\r");
  // It reads, so it is stopped again; the shell says so before its next prompt.
  await expect
    .poll(
      async () => {
        shell.type("jobs\r");
        return (await shell.shows(/jobs\r\n[\s\S]*ready> /)).includes("Stopped");
      },
      { timeout: 20_000 },
    )
    .toBe(true);
  shell.type("fg\r");
  await shell.shows("cat'\r\n");
  shell.type("third\r");
  await shell.shows(/third\r\nthird\r\n/);
  shell.type("\u0004");
  await shell.shows("ready> ");
  shell.type("echo code=$?\r");
  await shell.shows("code=0");
});

it.concurrent("ends in the background without taking the terminal", async () => {
  using shell = await openShell();
  shell.type(`${run("background", SLEEPS)}\r`);
  await shell.shows("begun");
  shell.type("\u001a");
  await shell.shows("Stopped");
  await shell.shows("ready> ");
  shell.type("bg\r");
  shell.type("wait; echo st''ill here\r");
  await shell.shows("still here");
  shell.type('read -p "as""ked: " line && echo "got $line"\r');
  await shell.shows("asked: ");
  shell.type("words\r");
  await shell.shows("got words");
});

it.concurrent("started in the background, it reads nothing of what is typed to the shell", async () => {
  using shell = await openShell();
  shell.type(`${run("ampersand", "sh -c 'cat; echo en\"\"ded'")} &\r`);
  await shell.shows("ended");
  shell.type("wait; echo st''ill here\r");
  await shell.shows("still here");
});

it.concurrent("leaves the terminal to the other programs of a pipeline, and stops and goes on with them", async () => {
  using shell = await openShell();
  shell.type(`${run("pipe", SLEEPS)} | cat\r`);
  await shell.shows("begun");
  shell.type("\u001a");
  await shell.shows("Stopped");
  await shell.shows("ready> ");
  shell.type("fg\r");
  await shell.shows("ready> ");
  shell.type(`${run("pipe", "sh -c 'echo be\"\"gun; exec cat'")} | cat; echo code=$PIPESTATUS\r`);
  await shell.shows("begun");
  shell.type("\u0003");
  await shell.shows("ready> ");
});

it.concurrent("is not stuck at Ctrl-Z where no shell could let it go on", async () => {
  using terminal = new Terminal(
    process.execPath,
    [MAIN, "run", "alone", "--ttl", "1m", "--", "sh", "-c", "echo begun; exec cat"],
    { REDIS_URL: redis.url },
  );
  await terminal.shows("begun");
  terminal.type("\u001a");
  terminal.type("words\r");
  await terminal.shows(/words\r\n(.*\r\n)*words\r\n/);
  terminal.type("\u0004");
  expect(await terminal.ended).toBe(0);
});

it.concurrent("says for whom it waits", async () => {
  using first = await openShell();
  using second = await openShell();
  first.type(`${run("waited", TALKS)} \r`);
  await first.shows("begun");
  second.type(`${run("waited", "true")}; echo code=$?\r`);
  await second.shows('lock: waiting for "waited", held by "');
  first.type("\u0004");
  await second.shows("code=0");
});

it.concurrent("leaves a terminal that works when lock run is killed", async () => {
  using shell = await openShell();
  shell.type(`${run("killed", `sh -c 'echo be""gun $$ $PPID; exec cat'`)}\r`);
  const shown = await shell.shows(/begun \d+ \d+\r/);
  // The command's parent is the shell that controls the job; its parent is lock run.
  const [, group = "", parent = ""] = /begun (\d+) (\d+)/.exec(shown) ?? [];
  const [, grandparent = ""] = /\) \S (\d+)/.exec(readFileSync(`/proc/${parent}/stat`, "utf8")) ?? [];
  process.kill(Number(grandparent), "SIGKILL");
  await shell.shows("Killed");
  await shell.shows("ready> ");
  await expect.poll(() => hasEnded(Number(group))).toBe(true);
  shell.type('read -p "as""ked: " line && echo "got $line"\r');
  await shell.shows("asked: ");
  shell.type("words\r");
  await shell.shows("got words");
});

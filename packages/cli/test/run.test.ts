import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { useOwnTests } from "@lock/redis-harness/vitest";
import { describe, expect, it, vi } from "vitest";
import { TOLD } from "../src/commands/run.ts";
import { isThere, lock, start, stateOf } from "./support/lock.ts";
import { useRuns } from "./support/runs.ts";

/** A start of `lock` takes most of a second of a core, and its server has to answer within three seconds. */
useOwnTests({ atOnce: 3 });
const runs = useRuns();
const { env, newKey } = runs;
/** On a machine that is busy with something else. */
const PATIENT = { timeout: 20_000, interval: 20 };
const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

describe.concurrent("lock run", () => {
  it("passes stdin, stdout, stderr, the key and a growing fencing token, and frees the key", async () => {
    const key = newKey();
    const script = 'cat; echo "to stderr" >&2; echo " $LOCK_KEY $LOCK_FENCING_TOKEN"';
    const first = await lock(["run", key, "--", "sh", "-c", script], env(), "from stdin");
    const second = await lock(["run", key, "--", "sh", "-c", script], env(), "from stdin");
    const tokens = [first, second].map(({ stdout, stderr, code }) => {
      expect({ stderr, code }).toEqual({ stderr: "to stderr\n", code: 0 });
      const [, token] = new RegExp(`^from stdin ${key} (\\d+)\\n$`).exec(stdout) ?? [];
      return Number(token);
    });
    expect(tokens[1]).toBeGreaterThan(tokens[0] ?? Number.NaN);
    expect(await runs.locks.inspect(key)).toBeNull();
  });

  it.each([
    { script: "exit 255", code: 255 },
    { script: "kill -TERM $$", code: 143 },
    { script: "kill -KILL $$", code: 137 },
    { script: "exec /", code: 126 },
  ])("ends with the code of the command: $script", async ({ script, code }) => {
    expect((await lock(["run", newKey(), "--", "sh", "-c", script], env())).code).toBe(code);
  });

  it("says what cannot be started", async () => {
    const { code, stderr } = await lock(["run", newKey(), "--", "no-such-program"], env());
    expect(stderr).toMatch(/^lock run:.*no-such-program: not found\n$/);
    expect(code).toBe(127);
  });

  it("has codes of its own for busy and for a wait that is over, and takes another one", async () => {
    const key = newKey();
    await using _ = await runs.locks.acquire(key);
    const [busy, timeout] = await Promise.all([
      lock(["run", key, "--wait", "0", "--", "true"], env()),
      lock(["run", key, "--wait", "1s", "--", "true"], env()),
    ]);
    expect(busy).toMatchObject({ code: 75, stderr: `lock: "${key}" is busy, held by "the test"\n` });
    expect(timeout).toMatchObject({ code: 76, stderr: expect.stringContaining("after 1000 ms, held by") });
    const others = ["0", "1s"].map((wait) => {
      return lock(["run", key, "--wait", wait, "--busy-code", "3", "--", "true"], env());
    });
    for (const { code } of await Promise.all(others)) expect(code).toBe(3);
  });

  it("waits, and tells its events as JSON on stderr", async () => {
    const key = newKey();
    const lease = await runs.locks.acquire(key);
    const started = start(["run", key, "--json", "--holder", "me", "--", "true"], env());
    await started.says('"contended"');
    expect(await runs.locks.inspect(key)).toMatchObject({ waiters: [{ holder: "me" }] });
    await lease.release();
    const { stderr, stdout, code } = await started.ended;
    const events = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).event);
    expect({ events, stdout, code }).toEqual({
      events: ["contended", "acquired", "released"],
      stdout: "",
      code: 0,
    });
  });

  it("tells the events that its README names, which are of the core's", async () => {
    const readme = await readFile(fileOf("../README.md"), "utf8");
    const [, sentence = ""] = /`lock run --json` tells events(.*?)\. Stdout/s.exec(readme) ?? [];
    expect([...sentence.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual(TOLD);
    const core = await readFile(fileOf("../../core/README.md"), "utf8");
    for (const name of TOLD) expect(core).toMatch(new RegExp(`^\\| \`${name}\` +\\|`, "m"));
  });

  it("tells of another number of permits, with the facts of the core", async () => {
    const key = newKey();
    await using _ = await runs.locks.semaphore(key, { permits: 2 }).acquire();
    const { stderr, code } = await lock(["run", key, "--permits", "3", "--json", "--", "true"], env());
    const events = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events).toContainEqual({
      event: "permitsMismatch",
      id: expect.any(Number),
      key,
      mode: "permits",
      permits: 3,
      others: 2,
    });
    expect(code).toBe(0);
  });

  it("runs beside other shared holders, and beside as many as there are permits", async () => {
    const key = newKey();
    await using _ = await runs.locks.readWrite(key).read.acquire();
    const [shared, exclusive] = await Promise.all([
      lock(["run", key, "--shared", "--wait", "0", "--", "true"], env()),
      lock(["run", key, "--wait", "0", "--", "true"], env()),
    ]);
    expect([shared.code, exclusive.code]).toEqual([0, 75]);
    const pool = newKey();
    await using __ = await runs.locks.semaphore(pool, { permits: 2 }).acquire();
    const args = ["run", pool, "--permits", "2", "--wait", "0", "--"];
    const first = start([...args, "sh", "-c", "echo started; sleep 20"], env());
    await first.says("started");
    expect((await lock([...args, "true"], env())).code).toBe(75);
    first.child.kill("SIGTERM");
    expect((await first.ended).code).toBe(143);
  });

  it("gives up waiting at a signal, and leaves no waiter behind", async () => {
    const key = newKey();
    await using _ = await runs.locks.acquire(key);
    const started = start(["run", key, "--json", "--", "true"], env());
    await started.says('"contended"');
    started.child.kill("SIGTERM");
    const { code, stderr } = await started.ended;
    expect(stderr).toContain("LOCK_INTERRUPTED");
    expect(code).toBe(143);
    expect((await runs.locks.inspect(key))?.waiting).toBe(0);
  });

  it("passes signals on, each once", async () => {
    const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
    const traps = signals.map((signal) => `trap 'echo got ${signal}' ${signal.slice(3)}`);
    const last = "trap 'echo got SIGUSR2; exit 9' USR2";
    const script = `${[...traps, last].join("; ")}; echo ready; while :; do sleep 0.05; done`;
    const started = start(["run", newKey(), "--", "sh", "-c", script], env());
    await started.says("ready");
    for (const signal of signals) {
      started.child.kill(signal);
      await started.says(`got ${signal}\n`);
    }
    const got = signals.map((signal) => `got ${signal}\n`).join("");
    expect(await started.ended).toMatchObject({ code: 9, stdout: `ready\n${got}` });
  });

  it("renews, and ends what the command leaves behind before it frees the key", async () => {
    const key = newKey();
    const script = "(trap '' TERM; echo group $(ps -o pgid= -p $$); exec sleep 60) & sleep 2.5; exit 4";
    const started = start(["run", key, "--ttl", "2s", "--grace", "200ms", "--", "sh", "-c", script], env());
    const ended = await started.ended;
    const [, group] = /group +(\d+)/.exec(ended.stdout) ?? [];
    expect(ended.code).toBe(4);
    expect(stateOf(Number(group))).toBe("");
    await vi.waitFor(() => expect(isThere(-Number(group))).toBe(false), PATIENT);
  });
});

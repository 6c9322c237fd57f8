import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { startFaultyProxy, startRedis } from "@lock/redis-harness";
import { useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { isThere, lock, start, stateOf } from "./support/lock.ts";

const redis = useRedis();
let client: Redis;
let locks: Locks;
const env = () => ({ REDIS_URL: redis.url });
let keys = 0;
const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const newKey = () => `run:${++keys}`;

beforeAll(() => {
  client = new Redis(redis.url);
  locks = createLocks({ backend: ioredisBackend(client), holder: "the test" });
});
const folder = await mkdtemp(join(tmpdir(), "lock-run-"));
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await locks.close();
  client.disconnect();
});

/** A pipe with a name: who reads it waits until something is written. */
async function newFifo(): Promise<string> {
  const path = join(folder, `fifo-${++keys}`);
  await promisify(execFile)("mkfifo", [path]);
  return path;
}

/** Its process group is told by the command itself: it leads the group. */
async function groupOf(started: ReturnType<typeof start>): Promise<number> {
  let group = 0;
  started.child.stdout?.on("data", (text: string) => {
    group = Number(/group (\d+)/.exec(text)?.[1] ?? group);
  });
  await started.says(/group \d+\n/);
  return group;
}

describe("lock run", () => {
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
    expect(await locks.inspect(key)).toBeNull();
  });

  it.each([
    { script: "exit 0", code: 0 },
    { script: "exit 7", code: 7 },
    { script: "exit 255", code: 255 },
    { script: "kill -TERM $$", code: 143 },
    { script: "kill -KILL $$", code: 137 },
    { script: "exec /no/such/program", code: 127 },
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
    await using _ = await locks.acquire(key);
    const busy = await lock(["run", key, "--wait", "0", "--", "true"], env());
    expect(busy).toMatchObject({ code: 75, stderr: `lock: "${key}" is busy, held by "the test"\n` });
    const timeout = await lock(["run", key, "--wait", "1s", "--", "true"], env());
    expect(timeout).toMatchObject({ code: 76, stderr: expect.stringContaining("after 1000 ms, held by") });
    for (const wait of ["0", "1s"]) {
      const other = await lock(["run", key, "--wait", wait, "--busy-code", "3", "--", "true"], env());
      expect(other.code).toBe(3);
    }
  });

  it("waits, and tells its events as JSON on stderr", async () => {
    const key = newKey();
    const lease = await locks.acquire(key);
    const started = start(["run", key, "--json", "--holder", "me", "--", "true"], env());
    await started.says('"contended"');
    expect(await locks.inspect(key)).toMatchObject({ waiters: [{ holder: "me" }] });
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

  it("runs beside other shared holders, and beside as many as there are permits", async () => {
    const key = newKey();
    await using _ = await locks.readWrite(key).read.acquire();
    expect((await lock(["run", key, "--shared", "--wait", "0", "--", "true"], env())).code).toBe(0);
    expect((await lock(["run", key, "--wait", "0", "--", "true"], env())).code).toBe(75);
    const pool = newKey();
    await using __ = await locks.semaphore(pool, { permits: 2 }).acquire();
    const args = ["run", pool, "--permits", "2", "--wait", "0", "--"];
    const first = start([...args, "sh", "-c", "echo started; sleep 20"], env());
    await first.says("started");
    expect((await lock([...args, "true"], env())).code).toBe(75);
    first.child.kill("SIGTERM");
    expect((await first.ended).code).toBe(143);
  });

  it("gives up waiting at a signal, and leaves no waiter behind", async () => {
    const key = newKey();
    await using _ = await locks.acquire(key);
    const started = start(["run", key, "--json", "--", "true"], env());
    await started.says('"contended"');
    started.child.kill("SIGTERM");
    const { code, stderr } = await started.ended;
    expect(stderr).toContain("LOCK_INTERRUPTED");
    expect(code).toBe(143);
    expect((await locks.inspect(key))?.waiting).toBe(0);
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const)("passes %s on", async (signal) => {
    const script = `trap 'echo got; exit 9' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
    const started = start(["run", newKey(), "--", "sh", "-c", script], env());
    await started.says("ready");
    started.child.kill(signal);
    expect(await started.ended).toMatchObject({ code: 9, stdout: "ready\ngot\n" });
  });

  it("renews, and ends what the command leaves behind before it frees the key", async () => {
    const key = newKey();
    const script = "(trap '' TERM; echo group $(ps -o pgid= -p $$); exec sleep 60) & sleep 2.5; exit 4";
    const started = start(["run", key, "--ttl", "2s", "--grace", "200ms", "--", "sh", "-c", script], env());
    const ended = await started.ended;
    const [, group] = /group +(\d+)/.exec(ended.stdout) ?? [];
    expect(ended.code).toBe(4);
    expect(stateOf(Number(group))).toBe("");
    await expect.poll(() => isThere(-Number(group))).toBe(false);
  });
});

describe("a lease that ends too early", () => {
  it("ends the command when Redis is cut off, by SIGTERM first, before others can have the key", async () => {
    await using own = await startRedis();
    await using proxy = await startFaultyProxy(own);
    const script = "trap 'echo asked' TERM; echo group $$; while :; do sleep 0.05; done";
    const args = ["run", "k", "--ttl", "3s", "--grace", "1s", "--", "sh", "-c", script];
    const started = start(args, { REDIS_URL: proxy.url });
    const group = await groupOf(started);
    proxy.blackhole();
    await expect.poll(() => stateOf(group), { interval: 5 }).toBe("");
    const client = new Redis(own.url);
    const left = await client.pttl("lock:{k}");
    client.disconnect();
    const { code, stdout, stderr } = await started.ended;
    expect(left).toBeGreaterThan(0);
    expect(stdout).toContain("asked");
    expect(stderr).toContain('the lease of "k" was lost');
    expect(code).toBe(77);
  });

  it("ends the command at once, without asking, when the key was taken from it", async () => {
    const key = newKey();
    const script = "trap 'echo asked' TERM; echo group $$; while :; do sleep 0.05; done";
    const started = start(["run", key, "--ttl", "6s", "--", "sh", "-c", script], env());
    const group = await groupOf(started);
    await locks.forceRelease(key);
    const { code, stdout } = await started.ended;
    expect(code).toBe(77);
    // Others may work by now: there is no time for a polite word.
    expect(stdout).not.toContain("asked");
    expect(stateOf(group)).toBe("");
  });

  it("is survived where Redis comes back in time", async () => {
    await using own = await startRedis();
    await using proxy = await startFaultyProxy(own);
    const args = ["run", "k", "--ttl", "9s", "--grace", "1s", "--json", "--", "cat", await newFifo()];
    const started = start(args, { REDIS_URL: proxy.url });
    await started.says('"acquired"');
    proxy.blackhole();
    await started.says('"extendFailed"');
    proxy.heal();
    const client = new Redis(own.url);
    await expect.poll(() => client.pttl("lock:{k}")).toBeGreaterThan(8_000);
    client.disconnect();
    await writeFile(args.at(-1) ?? "", "through");
    expect(await started.ended).toMatchObject({ code: 0, stdout: "through" });
  });
});

describe("lock run itself is hurt", () => {
  const script = (trap: string) =>
    `${trap}; (while :; do sleep 0.05; done) & echo group $$; wait; wait; wait`;

  it.each([
    { what: "that hears SIGTERM", trap: ":" },
    { what: "that is deaf", trap: "trap '' TERM" },
  ])("killed: its watcher ends a command $what, and its child, before the ttl", async ({ trap }) => {
    const key = newKey();
    const args = ["run", key, "--ttl", "3s", "--grace", "500ms", "--", "sh", "-c", script(trap)];
    const started = start(args, env());
    const group = await groupOf(started);
    started.child.kill("SIGKILL");
    await vi.waitFor(() => expect(stateOf(group)).toBe(""), { timeout: 10_000, interval: 5 });
    expect(await locks.inspect(key)).toMatchObject({ holding: 1 });
    await expect.poll(() => isThere(-group)).toBe(false);
  });

  it("killed: its watcher asks the command to end at once, long before the ttl", async () => {
    const key = newKey();
    const started = start(["run", key, "--ttl", "5m", "--", "sh", "-c", script(":")], env());
    const group = await groupOf(started);
    started.child.kill("SIGKILL");
    await vi.waitFor(() => expect(stateOf(group)).toBe(""), { timeout: 20_000, interval: 5 });
    await locks.forceRelease(key);
  });

  it("stopped for longer than the ttl: its watcher ends the command; it says so when it goes on", async () => {
    const key = newKey();
    const args = ["run", key, "--ttl", "3s", "--grace", "500ms", "--", "sh", "-c", script(":")];
    const started = start(args, env());
    const group = await groupOf(started);
    started.child.kill("SIGSTOP");
    await vi.waitFor(() => expect(stateOf(group)).toBe(""), { timeout: 10_000, interval: 5 });
    expect(await locks.inspect(key)).toMatchObject({ holding: 1 });
    await expect.poll(() => locks.inspect(key)).toBeNull();
    started.child.kill("SIGCONT");
    expect((await started.ended).code).toBe(77);
  });

  it("stopped for less: all goes on", async () => {
    const args = ["run", newKey(), "--ttl", "9s", "--json", "--", "cat", await newFifo()];
    const started = start(args, env());
    await started.says('"acquired"');
    started.child.kill("SIGSTOP");
    await expect.poll(() => stateOf(started.child.pid ?? 0)).toBe("T");
    started.child.kill("SIGCONT");
    await writeFile(args.at(-1) ?? "", "through");
    expect(await started.ended).toMatchObject({ code: 0, stdout: "through" });
  });

  it("loses its watcher: another one takes its place, and knows what to do", async () => {
    const key = newKey();
    const args = ["run", key, "--ttl", "3s", "--grace", "500ms", "--", "sh", "-c", script(":")];
    const started = start(args, env());
    const group = await groupOf(started);
    const watcher = watchersOf(started.child.pid ?? 0)[0] ?? 0;
    process.kill(watcher, "SIGKILL");
    const others = () => watchersOf(started.child.pid ?? 0).filter((pid) => pid !== watcher);
    await expect.poll(others).toEqual([expect.any(Number)]);
    started.child.kill("SIGKILL");
    await vi.waitFor(() => expect(stateOf(group)).toBe(""), { timeout: 10_000, interval: 5 });
    expect(await locks.inspect(key)).toMatchObject({ holding: 1 });
  });

  it("is killed before its watcher is up, which ends the command all the same", async () => {
    const files = ["support/orphan-watcher.mjs", "../dist/run/watcher.js"];
    const { stdout } = spawnSync(process.execPath, files.map(fileOf), { encoding: "utf8" });
    const group = Number(stdout);
    expect(group).toBeGreaterThan(0);
    await vi.waitFor(() => expect(stateOf(group)).toBe(""), { timeout: 20_000, interval: 5 });
  });

  function watchersOf(parent: number): number[] {
    const children = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").trim().split(" ");
    return children.map(Number).filter((pid) => {
      return (
        pid > 0 && stateOf(pid) !== "" && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("watcher")
      );
    });
  }
});

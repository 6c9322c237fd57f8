import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { startFaultyProxy, startRedis } from "@lock/redis-harness";
import { useOwnTests } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { describe, expect, it, vi } from "vitest";
import { isThere, start, stateOf } from "./support/lock.ts";
import { groupOf, useRuns } from "./support/runs.ts";

/** A start of `lock` takes most of a second of a core, and its server has to answer within three seconds. */
useOwnTests({ atOnce: 3 });
const runs = useRuns();
const { env, newKey, newFifo } = runs;
const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));
/** On a machine that is busy with something else. */
const PATIENT = { timeout: 20_000, interval: 20 };

const script = (trap: string) => `${trap}; (while :; do sleep 0.05; done) & echo group $$; wait; wait; wait`;

describe.concurrent("a lease that ends too early", () => {
  it("ends the command at once, without asking, when the key was taken from it", async () => {
    const key = newKey();
    const script = "trap 'echo asked' TERM; echo group $$; while :; do sleep 0.05; done";
    const started = start(["run", key, "--ttl", "6s", "--", "sh", "-c", script], env());
    const group = await groupOf(started);
    await runs.locks.forceRelease(key);
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
    await vi.waitFor(async () => expect(await client.pttl("lock:{k}")).toBeGreaterThan(8_000), PATIENT);
    client.disconnect();
    await writeFile(args.at(-1) ?? "", "through");
    expect(await started.ended).toMatchObject({ code: 0, stdout: "through" });
  });
});

describe.concurrent("lock run itself is hurt", () => {
  it.each([
    { what: "that hears SIGTERM", trap: ":" },
    { what: "that is deaf", trap: "trap '' TERM" },
  ])("killed: its watcher ends a command $what, and its child, before the ttl", async ({ trap }) => {
    const key = newKey();
    const args = ["run", key, "--ttl", "5s", "--grace", "500ms", "--", "sh", "-c", script(trap)];
    const started = start(args, env());
    const group = await groupOf(started);
    started.child.kill("SIGKILL");
    await vi.waitFor(() => expect(stateOf(group)).toBe(""), { timeout: 10_000, interval: 5 });
    expect(await runs.locks.inspect(key)).toMatchObject({ holding: 1 });
    await vi.waitFor(() => expect(isThere(-group)).toBe(false), PATIENT);
  });

  it("killed: its watcher asks the command to end at once, long before the ttl", async () => {
    const key = newKey();
    const started = start(["run", key, "--ttl", "5m", "--", "sh", "-c", script(":")], env());
    const group = await groupOf(started);
    started.child.kill("SIGKILL");
    await vi.waitFor(() => expect(stateOf(group)).toBe(""), { timeout: 20_000, interval: 5 });
    await runs.locks.forceRelease(key);
  });

  it("stopped for less: all goes on", async () => {
    const args = ["run", newKey(), "--ttl", "9s", "--json", "--", "cat", await newFifo()];
    const started = start(args, env());
    await started.says('"acquired"');
    started.child.kill("SIGSTOP");
    await vi.waitFor(() => expect(stateOf(started.child.pid ?? 0)).toBe("T"), PATIENT);
    started.child.kill("SIGCONT");
    await writeFile(args.at(-1) ?? "", "through");
    expect(await started.ended).toMatchObject({ code: 0, stdout: "through" });
  });

  it("loses its watcher: another one takes its place, and knows what to do", async () => {
    const key = newKey();
    const args = ["run", key, "--ttl", "5s", "--grace", "500ms", "--", "sh", "-c", script(":")];
    const started = start(args, env());
    const group = await groupOf(started);
    const watcher = watchersOf(started.child.pid ?? 0)[0] ?? 0;
    process.kill(watcher, "SIGKILL");
    const others = () => watchersOf(started.child.pid ?? 0).filter((pid) => pid !== watcher);
    await vi.waitFor(() => expect(others()).toEqual([expect.any(Number)]), PATIENT);
    started.child.kill("SIGKILL");
    await vi.waitFor(() => expect(stateOf(group)).toBe(""), { timeout: 10_000, interval: 5 });
    expect(await runs.locks.inspect(key)).toMatchObject({ holding: 1 });
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

import { startFaultyProxy, startRedis } from "@lock/redis-harness";
import { Redis } from "ioredis";
import { describe, expect, it, vi } from "vitest";
import { start, stateOf } from "./support/lock.ts";
import { groupOf, useRuns } from "./support/runs.ts";

const runs = useRuns();
const { env, newKey } = runs;
/** On a machine that is busy with something else. */
const PATIENT = { timeout: 20_000, interval: 20 };
const script = (trap: string) => `${trap}; (while :; do sleep 0.05; done) & echo group $$; wait; wait; wait`;

/** No more at once: the command ends shortly before the ttl does, and this process is to see it in between. */
describe.concurrent("before others can have the key", () => {
  it("ends the command when Redis is cut off, by SIGTERM first, before others can have the key", async () => {
    await using own = await startRedis();
    await using proxy = await startFaultyProxy(own);
    const script = "trap 'echo asked' TERM; echo group $$; while :; do sleep 0.05; done";
    const args = ["run", "k", "--ttl", "4s", "--grace", "1s", "--", "sh", "-c", script];
    const started = start(args, { REDIS_URL: proxy.url });
    const group = await groupOf(started);
    const client = new Redis(own.url);
    await client.ping();
    proxy.blackhole();
    await vi.waitFor(() => expect(stateOf(group)).toBe(""), { timeout: 10_000, interval: 5 });
    const left = await client.pttl("lock:{k}");
    client.disconnect();
    const { code, stdout, stderr } = await started.ended;
    expect(left).toBeGreaterThan(0);
    expect(stdout).toContain("asked");
    expect(stderr).toContain('the lease of "k" was lost');
    expect(code).toBe(77);
  });

  it("stopped for longer than the ttl: its watcher ends the command; it says so when it goes on", async () => {
    const key = newKey();
    const args = ["run", key, "--ttl", "4s", "--grace", "500ms", "--", "sh", "-c", script(":")];
    const started = start(args, env());
    const group = await groupOf(started);
    started.child.kill("SIGSTOP");
    await vi.waitFor(() => expect(stateOf(group)).toBe(""), { timeout: 10_000, interval: 5 });
    expect(await runs.locks.inspect(key)).toMatchObject({ holding: 1 });
    await vi.waitFor(async () => expect(await runs.locks.inspect(key)).toBeNull(), PATIENT);
    started.child.kill("SIGCONT");
    expect((await started.ended).code).toBe(77);
  });
});

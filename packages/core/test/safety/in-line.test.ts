import { describe, expect, it } from "vitest";
import { lockKeys } from "../../src/backends/redis/keys.ts";
import { cancelScript, extendScript, releaseAfterScript } from "../../src/backends/redis/lua/index.ts";
import { RedisBackend } from "../../src/backends/redis/redis-backend.ts";
import { createLocks, type Lease, type Locks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { dead, newKey, useTwoBackends } from "../support/two-backends.ts";

/** Nobody waits who could be served, whatever was lost on the way. On Redis, below its rechecks of a second. */
const scene = useTwoBackends();

/** Well below a ttl, which is what a mistake would cost, and well above what a busy machine needs. */
const SOON = 6_000;

const waiting = (locks: Locks, key: string, count: number) =>
  eventually(`${count} waiters`, async () =>
    ((await locks.inspect(key))?.waiting ?? 0) === count ? true : undefined,
  );

/** A backend whose next requests of one kind are lost. */
function losing(sha: string, isExecuted = false) {
  const { driver } = scene.clients[0] ?? scene.admin;
  const state = { left: 0 };
  const backend = new RedisBackend({
    ...driver,
    evalsha: async (asked, keys, args) => {
      if (asked !== sha || state.left === 0) return driver.evalsha(asked, keys, args);
      state.left -= 1;
      if (isExecuted) await driver.evalsha(asked, keys, args);
      throw new Error("Command timed out");
    },
  });
  return { state, backend };
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work;
  expect(performance.now() - start).toBeLessThan(ms);
  return result;
}

describe("a waiter", () => {
  it("stands in the queue although other locks of its backend were closed, and is heard of when it leaves", async () => {
    const locks = createLocks({ backend: scene.one });
    const others = createLocks({ backend: scene.one, prefix: "other" });
    const key = newKey();
    await dead(scene.two, { key });
    const first = locks.acquire(key);
    await waiting(locks, key, 1);
    await others.close();
    const lease = await first;
    expect((await locks.inspect(key))?.waiting).toBe(0);
    const second = locks.acquire(key, { wait: 20_000 });
    await waiting(locks, key, 1);
    await lease.release();
    await (await within(SOON, second)).release();
    await locks.close();
  });

  it("whose cancellation was lost does not keep readers waiting behind it", async () => {
    const { state, backend } = losing(cancelScript.sha);
    const [locks, rivals] = [createLocks({ backend }), createLocks({ backend: scene.two })];
    const key = newKey();
    const reader = await rivals.readWrite(key).read.acquire();
    state.left = 1;
    await expect(locks.acquire(key, { wait: 200 })).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
    const second = locks.readWrite(key).read.acquire({ wait: 20_000 });
    await (await within(SOON, second)).release();
    await reader.release();
    await locks.close();
    await rivals.close();
  });

  it("for several keys whose cancellation was lost keeps none of them", async () => {
    const { state, backend } = losing(cancelScript.sha);
    const [locks, rivals] = [createLocks({ backend }), createLocks({ backend: scene.two })];
    const [a, b] = [newKey(), newKey()];
    const held = await rivals.acquire(b);
    state.left = 1;
    await expect(locks.acquire([a, b], { wait: 200 })).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
    await (await within(SOON, locks.acquire(a, { wait: 20_000 }))).release();
    await held.release();
    await locks.close();
    await rivals.close();
  });

  it("that was served is not in the queue any more when its lock is kept for minHold", async () => {
    const { state, backend } = losing(releaseAfterScript.sha);
    const [locks, rivals] = [createLocks({ backend }), createLocks({ backend: scene.two })];
    const key = newKey();
    const before = await rivals.acquire(key);
    const first = locks.acquire(key);
    const second = locks.acquire(key, { minHold: 300 });
    await waiting(rivals, key, 2);
    await before.release();
    await (await first).release();
    const lease: Lease = await second;
    state.left = 1;
    expect(await lease.release()).toBe("released");
    await (await within(SOON, rivals.acquire(key, { wait: 20_000 }))).release();
    expect(await rivals.inspect(key)).toBeNull();
    await locks.close();
    await rivals.close();
  });
});

describe("an adoption", () => {
  it("whose answers were all lost is given back", async () => {
    // The server must know the script, or it is run by its source.
    await scene.admin.driver.eval(extendScript.source, [], []);
    const { state, backend } = losing(extendScript.sha, true);
    const [locks, rivals] = [createLocks({ backend, wait: 200 }), createLocks({ backend: scene.two })];
    const key = newKey();
    const ticket = (await rivals.acquire(key)).toTicket();
    state.left = 1_000;
    await expect(locks.adopt(ticket)).rejects.toMatchObject({ code: "LOCK_BACKEND" });
    await (await within(SOON, rivals.acquire(key, { wait: 20_000 }))).release();
    await locks.close();
    await rivals.close();
  });
});

describe("what the server keeps", () => {
  it("ends with the last lease of many, not with the longest ttl", async () => {
    const locks = createLocks({ backend: scene.one });
    const key = newKey();
    const [lock, , , , holders] = lockKeys({ prefix: "lock", key });
    await locks.readWrite(key).read.using({ minHold: 200 }, () => undefined);
    const long = await locks.readWrite(key).read.acquire();
    await dead(scene.two, { key, mode: { kind: "shared" }, ttl: 400 });
    await long.release();
    for (const name of [lock, holders]) {
      const left = Number(await scene.admin.command("PTTL", name));
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(401);
    }
    await locks.close();
  });

  it("is nothing at once when the last reader leaves", async () => {
    const locks = createLocks({ backend: scene.one });
    const key = newKey();
    const names = lockKeys({ prefix: "lock", key });
    await locks.readWrite(key).read.using(() => undefined);
    expect(await scene.admin.command("EXISTS", names[0], names[2], names[4])).toBe(0);
    await locks.close();
  });
});

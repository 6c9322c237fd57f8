import { setTimeout as pause } from "node:timers/promises";
import { LockBackendError, LockLostError, LockTimeoutError } from "@lock/core";
import { startFaultyProxy, startRedis } from "@lock/redis-harness";
import { gate } from "@lock/redis-harness/vitest";
import { afterEach, describe, expect, it, vi } from "vitest";
import { eventually, failure, isFree, lost } from "./support/await.ts";
import { useScene } from "./support/scene.ts";
import { virtual } from "./support/virtual.ts";

const scene = useScene();
const reasonOf = ({ signal }: { readonly signal: AbortSignal }) => (signal.reason as LockLostError).reason;

/** Options of a client that sends nothing again by itself. */
const ONCE = { enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 };

/** A process whose way to the server a test can break. */
async function openBehindProxy(redis: object = {}) {
  const proxy = await startFaultyProxy(scene.server);
  const process = scene.open({ url: proxy.url, redis: { ...redis }, backend: { requestTimeout: 300 } });
  await eventually("connected", () => process.client.status === "ready");
  return { proxy, ...process };
}

describe.concurrent("renewals", () => {
  it("redlock 5, redlock-universal: a renewal under way when using returns re-arms its timer, and the signal aborts later", async ({
    expect,
  }) => {
    const { clock, backend, locks } = virtual();
    const answer = backend.hang("extend");
    const signal = await locks.using("key", { ttl: 3_000 }, async (lease) => {
      await clock.advance(1_500);
      return lease.signal;
    });
    expect(backend.calls.extend).toBe(1);
    answer();
    await clock.advance(60_000);
    expect(signal.aborted).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it("tristanls/dynamodb-lock-client#1: a renewal under way when the lock is released comes back, and goes on", async ({
    expect,
  }) => {
    const { clock, backend, locks, others } = virtual();
    const lease = await locks.acquire("key", { ttl: 3_000 });
    const answer = backend.hang("extend");
    await clock.advance(1_500);
    expect(await lease.release()).toBe("released");
    const next = await others.acquire("key", { ttl: 3_000, wait: 0 });
    answer();
    await clock.advance(60_000);
    expect(backend.calls.extend).toBe(1);
    next.assertHeld();
  });

  it("redisson/redisson#7272: the watchdog goes on renewing after the unlock", async ({ expect }) => {
    const { clock, backend, locks, others } = virtual();
    await locks.using("key", { ttl: 3_000 }, () => clock.advance(10_000));
    const renewals = backend.calls.extend;
    expect(renewals).toBeGreaterThan(5);
    await clock.advance(60_000);
    expect(backend.calls.extend).toBe(renewals);
    expect(await others.tryAcquire("key")).not.toBeNull();
  });

  it("redlock-universal: a ttl of up to 1,250 ms is renewed without a pause, 51,174 times in a second", async ({
    expect,
  }) => {
    const { clock, backend, locks } = virtual();
    await locks.using("key", { ttl: 300 }, () => clock.advance(1_000));
    expect(backend.calls.extend).toBeGreaterThanOrEqual(10);
    expect(backend.calls.extend).toBeLessThan(20);
  });

  it("redis-semaphore: a second acquire leaks the interval of the first", async ({ expect }) => {
    const { clock, backend, locks } = virtual();
    const first = await locks.acquire("key", { ttl: 3_000 });
    const within = await locks.acquire("key", { ttl: 3_000, within: first });
    const second = locks.acquire("key", { ttl: 3_000 });
    await within.release();
    await first.release();
    await (await second).release();
    const renewals = backend.calls.extend;
    await clock.advance(60_000);
    expect(backend.calls.extend).toBe(renewals);
    expect(clock.pending).toBe(0);
  });

  it("@verrou/core: nothing renews a lock, so its work outlives it", async ({ expect }) => {
    const [holder, other] = [scene.open(), scene.open()];
    const key = scene.key();
    let renewals = 0;
    holder.locks.on("extended", () => void renewals++);
    await holder.locks.using(key, { ttl: 900 }, async (lease) => {
      await eventually("longer than the ttl", () => renewals > 3);
      expect(await other.locks.tryAcquire(key)).toBeNull();
      lease.assertHeld();
    });
  });

  it("mike-marcacci/node-redlock#11, mike-marcacci/node-redlock#103: extend gives another lock, and the first one is used on", async ({
    expect,
  }) => {
    const { clock, locks } = virtual();
    const lease = await locks.acquire("key", { ttl: 10_000, renew: false });
    await lease.extend(60_000);
    await lease.extend();
    await clock.advance(20_000);
    expect(lease.validFor).toBeGreaterThan(35_000);
    expect(await lease.release()).toBe("released");
  });
});

describe.concurrent("a loss", () => {
  it("swarthy/redis-semaphore#199: a failed renewal is an unhandled rejection, and the lock is believed past its ttl", async ({
    expect,
  }) => {
    const { proxy, locks } = await openBehindProxy(ONCE);
    // The test run fails for a rejection that nobody handles.
    const lease = await locks.acquire(scene.key(), { ttl: 500 });
    const failed = gate();
    locks.on("extendFailed", () => failed.open());
    proxy.refuse();
    await Promise.all([lost(lease), failed.opened]);
    // A loaded machine may stall the process as well.
    expect(["unreachable", "stalled"]).toContain(reasonOf(lease));
    expect(lease.validFor).toBe(0);
    expect(() => lease.assertHeld()).toThrow(LockLostError);
    await proxy.stop();
  });

  it("redlock 5, redlock-universal, redis-semaphore: a server that hangs is noticed seconds after the end of the lock, or never", async ({
    expect,
  }) => {
    const { proxy, locks } = await openBehindProxy();
    const lease = await locks.acquire(scene.key(), { ttl: 600 });
    const start = performance.now();
    proxy.blackhole();
    await lost(lease);
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(lease.validFor).toBe(0);
    await proxy.stop();
  });

  it("redisson/redisson#4698: a key that is gone when it is renewed is a line in the log", async ({
    expect,
  }) => {
    const [holder, thief] = [scene.open(), scene.open()];
    const key = scene.key();
    const told: string[] = [];
    const onLost = ({ code }: LockLostError) => void told.push(code);
    const lease = await holder.locks.acquire(key, { ttl: 400, onLost });
    await thief.client.del(`lock:{${key}}`);
    await lost(lease);
    expect(told).toEqual(["LOCK_LOST"]);
    expect(lease.validFor).toBe(0);
  });

  it("awslabs/amazon-dynamodb-lock-client#6: a holder cannot tell whether an outage or a rival took its lock", async ({
    expect,
  }) => {
    const { clock, backend, locks, others } = virtual();
    const [one, two] = [
      await locks.acquire("one", { ttl: 3_000 }),
      await locks.acquire("two", { ttl: 3_000 }),
    ];
    await others.forceRelease("one");
    await others.acquire("one");
    await clock.advance(1_500);
    expect(reasonOf(one)).toBe("stolen");
    backend.fail("extend", undefined, Number.POSITIVE_INFINITY);
    await clock.advance(3_000);
    expect(reasonOf(two)).toBe("unreachable");
  });

  it("madelson/DistributedLock#85: a call of the lock within the callback of its loss blocks for ever", async ({
    expect,
  }) => {
    const [holder, other] = [scene.open(), scene.open()];
    const key = scene.key();
    const done = gate();
    const told: unknown[] = [];
    holder.locks.on("lost", async () => {
      told.push(await lease.release());
      told.push(await failure(lease.extend()));
      await (await holder.locks.acquire(key)).release();
      await holder.locks.close();
      done.open();
    });
    const lease = await holder.locks.acquire(key, { ttl: 400 });
    await other.locks.forceRelease(key);
    await done.opened;
    expect(told).toMatchObject(["expired", { code: "LOCK_LOST" }]);
  });

  it("swarthy/redis-semaphore#24: all processes are suspended, and two go on with the same work", async ({
    expect,
  }) => {
    const { clock, locks, others } = virtual();
    const before = await locks.acquire("key", { ttl: 3_000 });
    const waiter = others.acquire("key", { ttl: 3_000, wait: "forever" });
    await clock.advance(100);
    clock.block(9_000);
    expect(before.validFor).toBe(0);
    await clock.advance(1_000);
    const after = await waiter;
    expect([reasonOf(before), before.validFor, after.validFor > 0]).toEqual(["stalled", 0, true]);
  });
});

describe.concurrent("a release", () => {
  it("redlock 5, @verrou/core: an error of the release takes the place of the result, or of the error, of the work", async ({
    expect,
  }) => {
    const { clock, backend, locks } = virtual();
    backend.fail("release", undefined, Number.POSITIVE_INFINITY);
    const worked = locks.using("one", () => "result");
    const failed = locks.using("two", () => Promise.reject(new Error("of the work")));
    const ends = Promise.allSettled([worked, failed]);
    await clock.advance(5_000);
    expect(await ends).toMatchObject([{ value: "result" }, { reason: { message: "of the work" } }]);
  });

  it("redlock 5, mike-marcacci/node-redlock#313: with endless retries the release of what has ended hangs", async ({
    expect,
  }) => {
    const { locks } = scene.open({ wait: "forever" });
    const key = scene.key();
    const lease = await locks.acquire(key, { ttl: 50, renew: false });
    await eventually("it has ended", () => isFree(locks, key));
    expect(await lease.release()).toBe("expired");
  });

  it("lukas-krecan/ShedLock#2584: the release of an ended lock frees that of the next holder", async ({
    expect,
  }) => {
    const [slow, next] = [scene.open(), scene.open()];
    const key = scene.key();
    const ended = await slow.locks.acquire(key);
    // The server has ended it, and its holder does not know.
    await next.locks.forceRelease(key);
    const held = await next.locks.acquire(key);
    expect(await ended.release()).toBe("expired");
    expect(await next.locks.inspect(key)).toMatchObject({ holders: [{ fencingToken: held.fencingToken }] });
    expect(await held.release()).toBe("released");
  });

  it("madelson/DistributedLock#191, redisson/redisson#1966: a server that pauses leaves a lock that nobody has, or that is renewed for ever", async ({
    expect,
  }) => {
    await using server = await startRedis();
    const { locks } = scene.open({ url: server.url, backend: { requestTimeout: 500 } });
    const admin = scene.open({ url: server.url });
    const pauseServer = () => admin.client.client("PAUSE", 700);
    await locks.using("warm", () => undefined);
    await pauseServer();
    await expect(locks.acquire("acquired", { ttl: 60_000, wait: 200 })).rejects.toThrow(LockBackendError);
    const held = await locks.acquire("released", { ttl: 60_000 });
    await pauseServer();
    await held.release().catch(() => undefined);
    for (const key of ["acquired", "released"]) await eventually(`${key} is free`, () => isFree(locks, key));
    await Promise.all([locks.close(), admin.locks.close()]);
  });

  it("redis/redis-py#3847: a caller that gives its release up leaves a lock that nobody owns", async ({
    expect,
  }) => {
    const { proxy, locks } = await openBehindProxy(ONCE);
    const other = scene.open();
    const key = scene.key();
    const lease = await locks.acquire(key, { ttl: 60_000 });
    proxy.blackhole();
    const releasing = lease.release().catch(() => "failed");
    await Promise.race([releasing, pause(100)]);
    await releasing;
    proxy.heal();
    await eventually("free", () => isFree(other.locks, key));
    expect(await lease.release()).toBe("released");
    await proxy.stop();
  });

  it("TheDeveloper/warlock#10: a process that ends in order leaves its locks to their ttl", async ({
    expect,
  }) => {
    const [ending, next] = [scene.open(), scene.open()];
    const keys = [scene.key(), scene.key()];
    for (const key of keys) await ending.locks.acquire(key, { ttl: 60_000 });
    await ending.locks.close();
    for (const key of keys) expect(await next.locks.tryAcquire(key)).not.toBeNull();
  });

  it("awslabs/amazon-dynamodb-lock-client#34, cirello-io/dynamolock#778: after a crash a waiter waits for a whole ttl anew", async ({
    expect,
  }) => {
    const { clock, locks, others } = virtual();
    await locks.acquire("key", { ttl: 10_000, renew: false });
    await clock.advance(9_000);
    const waiter = others.acquire("key", { ttl: 60_000, wait: "forever" });
    await clock.advance(1_500);
    expect((await waiter).validFor).toBeGreaterThan(50_000);
  });
});

describe.concurrent("a server that is away", () => {
  it("felanios/murlock#78: the library ends the process when Redis is away", async ({ expect }) => {
    const { proxy, locks } = await openBehindProxy();
    proxy.refuse();
    // vitest throws when a test ends the process.
    expect(await failure(locks.acquire(scene.key(), { wait: 100 }))).toBeInstanceOf(LockBackendError);
    proxy.heal();
    await locks.using(scene.key(), () => undefined);
    await proxy.stop();
  });

  it("redlock-universal: isLocked says no when Redis is down", async ({ expect }) => {
    const { proxy, locks } = await openBehindProxy();
    const key = scene.key();
    await locks.acquire(key);
    proxy.refuse();
    expect(await failure(locks.inspect(key))).toMatchObject({ code: "LOCK_BACKEND" });
    await proxy.stop();
  });

  it("bsm/redislock#79: a deadline of the caller hides that the key was busy", async ({ expect }) => {
    const [holder, other] = [scene.open({ holder: "billing" }), scene.open()];
    const key = scene.key();
    await holder.locks.acquire(key);
    const refused = await failure(other.locks.acquire(key, { wait: 100 }));
    expect(refused).toBeInstanceOf(LockTimeoutError);
    expect(refused).toMatchObject({ holder: { holder: "billing" } });
    const told: unknown[] = [];
    other.locks.on("waiting", ({ holder }) => told.push(holder?.holder));
    other.locks.on("aborted", ({ reason }) => told.push((reason as Error).name));
    const aborted = await failure(other.locks.acquire(key, { signal: AbortSignal.timeout(100) }));
    expect(aborted).toMatchObject({ name: "TimeoutError" });
    expect(told).toEqual(["billing", "TimeoutError"]);
  });
});

describe("of a whole process", () => {
  const warnings: (Error & { code?: string })[] = [];
  const hear = (warning: Error) => void warnings.push(warning);
  afterEach(() => {
    process.off("warning", hear);
    vi.restoreAllMocks();
  });

  it("anchan828/nest-redlock#492, safe-global/safe-client-gateway#2051: a client that is closed before its locks makes noise, and shutdown hangs", async () => {
    const [closing, holder] = [scene.open(), scene.open()];
    const keys = Array.from({ length: 5 }, () => scene.key());
    for (const key of keys) await closing.locks.acquire(key, { ttl: 1_000 });
    const busy = scene.key();
    await holder.locks.acquire(busy);
    const waits = keys.map(() => failure(closing.locks.acquire(busy, { wait: "forever" })));
    process.on("warning", hear);
    await closing.client.quit();
    const start = performance.now();
    await closing.locks.close();
    expect(performance.now() - start).toBeLessThan(2_000);
    await Promise.all(waits);
    const told = () => warnings.filter(({ code }) => code === "LOCK_CLIENT_CLOSED_FIRST");
    await eventually("a warning", () => told().length > 0);
    expect(told()).toHaveLength(1);
  });

  it("@verrou/core: owner tokens come from Math.random", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const { locks } = scene.open();
    const leases = await Promise.all([locks.acquire(scene.key()), locks.acquire(scene.key())]);
    const [one, two] = leases.map(({ token }) => token);
    expect(one).not.toBe(two);
    expect(one?.length).toBeGreaterThanOrEqual(20);
  });
});

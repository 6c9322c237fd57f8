import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { startFaultyProxy } from "@lock/redis-harness";
import { stepWallClock } from "@lock/redis-harness/stepped-clock";
import { useRedis } from "@lock/redis-harness/vitest";
import { LockFactory } from "@verrou/core";
import { redisStore } from "@verrou/core/drivers/redis";
import type { Redis } from "ioredis5";
import { createLock, IoredisAdapter } from "redlock-universal";
import Redlock from "redlock5";
import { describe, expect, it } from "vitest";
import { asPeerClient } from "../../src/contestants/clients.ts";
import { findContestant } from "../../src/contestants/index.ts";
import { lockCore, redisSemaphore, redlock5, redlockUniversal, verrou } from "../support/attempts.ts";
import { useClients } from "../support/clients.ts";
import { type Renewing, renewing } from "../support/holders.ts";

const redis = useRedis();
const connect = useClients();

const ours: Renewing = {
  name: "@lock/core",
  contestant: findContestant("@lock/core on ioredis 5"),
  hold: async (client, key, ttl) => {
    const locks = createLocks({ backend: ioredisBackend(client) });
    const lease = await locks.acquire(key, { ttl });
    return { believes: () => lease.validFor > 0, end: () => locks.close() };
  },
};

const TTL = 1_500;

/** Nothing runs in this process for so long. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Whether it believes in its lock right after its event loop was blocked for longer than the ttl. */
async function believesAfterBlock({ name, contestant, hold }: Renewing): Promise<boolean> {
  const key = `blocked ${name}`;
  const session = await contestant.open(redis.url);
  const holder = await hold(connect(redis.url), key, TTL);
  block(TTL * 1.2);
  const believes = holder.believes();
  // The server had ended it: another gets it. Then it is told.
  await (await session.acquire(key))();
  await expect.poll(() => holder.believes()).toBe(false);
  await holder.end();
  await session.close();
  return believes;
}

/** Whether it believes in its lock, cut off from Redis, when another has it. */
async function believesWhenCutOff({ name, contestant, hold }: Renewing): Promise<boolean> {
  const key = `cut off ${name}`;
  await using proxy = await startFaultyProxy(redis.server);
  const holder = await hold(connect(proxy.url), key, TTL);
  proxy.blackhole();
  const session = await contestant.open(redis.url);
  const release = await session.acquire(key);
  const believes = holder.believes();
  await release();
  proxy.heal();
  await expect.poll(() => holder.believes()).toBe(false);
  await holder.end();
  await session.close();
  return believes;
}

describe("a lock that has ended", () => {
  it.each(renewing)("$name believes in it after its event loop was blocked", async (rival) => {
    expect(await believesAfterBlock(rival)).toBe(true);
  });

  it.each(renewing)("$name, cut off from Redis, believes in it when another has it", async (rival) => {
    expect(await believesWhenCutOff(rival)).toBe(true);
  });

  it("@lock/core believes in it in neither case", async () => {
    expect(await believesAfterBlock(ours)).toBe(false);
    expect(await believesWhenCutOff(ours)).toBe(false);
  });

  it("@verrou/core tells nothing when it is taken away", async () => {
    const client = connect(redis.url);
    const factory = new LockFactory(redisStore({ connection: asPeerClient(client) }).factory());
    const [lock, other] = [factory.createLock("taken"), factory.createLock("taken")];
    await lock.acquire();
    await other.forceRelease();
    expect(await other.acquireImmediately()).toBe(true);
    expect(lock.isExpired()).toBe(false);
    expect(lock.getRemainingTime()).toBeGreaterThan(0);
    const members = Object.getOwnPropertyNames(Object.getPrototypeOf(lock));
    expect(members.filter((member) => /^on|signal|listen|lost|abort/i.test(member))).toEqual([]);
  });
});

describe("the time that is left", () => {
  const HOUR = 3_600_000;
  const counting = [
    {
      name: "redlock 5",
      acquire: async (client: Redis, key: string, ttl: number) => {
        const lock = await new Redlock([client]).acquire([key], ttl);
        return () => lock.expiration - Date.now();
      },
    },
    {
      name: "@verrou/core",
      acquire: async (client: Redis, key: string, ttl: number) => {
        const factory = new LockFactory(redisStore({ connection: asPeerClient(client) }).factory());
        const lock = factory.createLock(key, ttl);
        await lock.acquire();
        return () => lock.getRemainingTime();
      },
    },
  ];

  it.each(counting)("$name has more of it when the wall clock is set back", async ({ name, acquire }) => {
    const client = connect(redis.url);
    const left = await acquire(client, `set back ${name}`, TTL);
    using _back = stepWallClock(-HOUR);
    await expect.poll(() => client.exists(`set back ${name}`)).toBe(0);
    expect(left()).toBeGreaterThan(HOUR / 2);
  });

  it("redlock-universal counts it from the answer, not from the request", async () => {
    await using proxy = await startFaultyProxy(redis.server);
    const adapter = IoredisAdapter.from(asPeerClient(connect(proxy.url)));
    proxy.delay(200);
    const handle = await createLock({ adapter, key: "slow", ttl: 30_000 }).acquire();
    const replies = await connect(redis.url).multi().time().pttl("slow").exec();
    const [[, time], [, left]] = replies as [[null, [string, string]], [null, number]];
    const end = Number(time[0]) * 1_000 + Number(time[1]) / 1_000 + left;
    expect(handle.acquiredAt + handle.ttl - end).toBeGreaterThan(100);
  });
});

describe("an acquire whose answer was lost", () => {
  it.each([redisSemaphore, redlockUniversal, verrou])(
    "$name fails, and leaves its key behind",
    async ({ keyOf, attempt }) => {
      await using proxy = await startFaultyProxy(redis.server);
      const dropped = proxy.dropReply({ after: "unanswered" });
      const key = `unanswered ${keyOf("")}`;
      expect(await attempt(connect(proxy.url), key)).toBe(false);
      await dropped;
      expect(await connect(redis.url).pttl(keyOf(key))).toBeGreaterThan(TTL);
    },
  );

  it("redlock 5 fails, refused by its own key, and removes it at last", async () => {
    await using proxy = await startFaultyProxy(redis.server);
    const client = connect(proxy.url);
    expect(await redlock5.attempt(client, "so that the server knows the script")).toBe(true);
    const dropped = proxy.dropReply({ after: "refused" });
    expect(await redlock5.attempt(client, "refused")).toBe(false);
    await dropped;
    expect(await connect(redis.url).exists("refused")).toBe(0);
  });

  it("@lock/core gets the lease all the same", async () => {
    await using proxy = await startFaultyProxy(redis.server);
    const client = connect(proxy.url);
    expect(await lockCore.attempt(client, "so that the server knows the script")).toBe(true);
    const dropped = proxy.dropReply({ after: "answered" });
    expect(await lockCore.attempt(client, "answered")).toBe(true);
    await dropped;
    expect(await connect(redis.url).exists(lockCore.keyOf("answered"))).toBe(1);
  });
});

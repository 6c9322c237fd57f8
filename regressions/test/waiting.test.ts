import { setTimeout as pause } from "node:timers/promises";
import type { Lease } from "@lock/core";
import { askForLines, startFaultyProxy, startRedis } from "@lock/redis-harness";
import { gate } from "@lock/redis-harness/vitest";
import { describe, it } from "vitest";
import { eventually, failure, isFree, waiting } from "./support/await.ts";
import { useScene } from "./support/scene.ts";
import { virtual } from "./support/virtual.ts";

const scene = useScene();

describe.concurrent("the queue", () => {
  it("redis-semaphore: 20 waiters for 2 s send 3,819 commands", async ({ expect }) => {
    await using server = await startRedis();
    const [holder, waiters] = [scene.open({ url: server.url }), scene.open({ url: server.url })];
    const lease = await holder.locks.acquire("key");
    // All that locks do on the server, but for subscribing, is a script.
    const scripts = async () => {
      const stats = await holder.client.info("commandstats");
      return [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce(
        (sum, [, calls]) => sum + Number(calls),
        0,
      );
    };
    const before = await scripts();
    const waits = Array.from({ length: 20 }, () =>
      waiters.locks.using("key", { wait: "forever" }, () => undefined),
    );
    await pause(1_000);
    await lease.release();
    await Promise.all(waits);
    // Half of what was counted there, in half of the time, and 20 acquires and releases.
    const commands = (await scripts()) - before;
    expect(commands).toBeGreaterThan(1);
    expect(commands).toBeLessThan(150);
    await Promise.all([holder.locks.close(), waiters.locks.close()]);
  });

  it("redisson/redisson#1104, redisson/redisson#2099, redisson/redisson#2278, redisson/redisson#2883, redisson/redisson#3730, redisson/redisson#4661: each dead waiter stalls the queue of a fair lock for 5 s", async ({
    expect,
  }) => {
    const proxy = await startFaultyProxy(scene.server);
    const [holder, next] = [scene.open(), scene.open()];
    const dead = [1, 2, 3].map(() => scene.open({ url: proxy.url }));
    const key = scene.key();
    const lease = await holder.locks.acquire(key);
    const given = new AbortController();
    const ends: Promise<unknown>[] = [];
    for (const [at, { locks }] of dead.entries()) {
      ends.push(failure(locks.acquire(key, { wait: "forever", signal: given.signal })));
      await waiting(holder.locks, key, at + 1);
    }
    const alive = next.locks.acquire(key, { wait: "forever" });
    await waiting(holder.locks, key, 4);
    proxy.blackhole();
    const start = performance.now();
    await lease.release();
    await (await alive).release();
    // There it takes 15 s.
    expect(performance.now() - start).toBeLessThan(10_000);
    given.abort();
    await Promise.all(ends);
    await proxy.stop();
  });

  it("redisson/redisson#1763: a message that comes before its waiter listens is lost, and the waiter sleeps for the whole ttl", async ({
    expect,
  }) => {
    const proxy = await startFaultyProxy(scene.server);
    proxy.dropMessages(true);
    const [holder, waiter] = [scene.open(), scene.open({ url: proxy.url })];
    const key = scene.key();
    const lease = await holder.locks.acquire(key, { ttl: 60_000 });
    const wait = waiter.locks.acquire(key, { wait: "forever" });
    await waiting(holder.locks, key);
    const start = performance.now();
    await lease.release();
    await (await wait).release();
    expect(performance.now() - start).toBeLessThan(5_000);
    await proxy.stop();
  });

  it("redisson/redisson#4216, redisson/redisson#5046, redisson/redisson#4064: many contended keys exhaust the subscriptions, and channels leak", async ({
    expect,
  }) => {
    await using server = await startRedis();
    const processes = [scene.open({ url: server.url }), scene.open({ url: server.url })];
    const subscribers = async () => {
      const clients = await askForLines(server.port, "CLIENT", "LIST", "TYPE", "pubsub");
      return clients
        .filter((line) => line.includes("sub="))
        .map((line) => Number(/ sub=(\d+)/.exec(line)?.[1]));
    };
    const keys = Array.from({ length: 200 }, (_, at) => `contended ${at}`);
    let most = 0;
    const work = processes.map(({ locks }) =>
      Promise.all(keys.map((key) => locks.using(key, { wait: "forever" }, () => pause(20)))),
    );
    const watching = eventually("all have worked", async () => {
      most = Math.max(most, ...(await subscribers()), 0);
      return Promise.race([Promise.all(work).then(() => true), pause(1, false)]);
    });
    await watching;
    expect((await subscribers()).length).toBeLessThanOrEqual(2);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(5);
    await Promise.all(processes.map(({ locks }) => locks.close()));
    await eventually("none is left", async () => (await subscribers()).length === 0);
  });

  it("etcd-io/etcd#11456: a lock that was granted after a wait is believed, although its lease ended meanwhile", async ({
    expect,
  }) => {
    const proxy = await startFaultyProxy(scene.server);
    const [holder, waiter] = [scene.open(), scene.open({ url: proxy.url })];
    const key = scene.key();
    const held = await holder.locks.acquire(key);
    let resolved: Lease | undefined;
    const wait = waiter.locks.acquire(key, { ttl: 300, wait: "forever" }).then((lease) => {
      resolved = lease;
      return lease.validFor;
    });
    await waiting(holder.locks, key);
    // Every answer takes longer than a lease may be believed.
    proxy.delay(200);
    await held.release();
    await pause(600);
    expect(resolved).toBeUndefined();
    proxy.delay(0);
    expect(await wait).toBeGreaterThan(0);
    await resolved?.release();
    await proxy.stop();
  });

  it("symfony/symfony#31426: the lifetime of a lock runs while its caller still waits", async ({
    expect,
  }) => {
    const [holder, waiter] = [scene.open(), scene.open()];
    const key = scene.key();
    const held = await holder.locks.acquire(key);
    const wait = waiter.locks.acquire(key, { ttl: 1_000, renew: false, wait: "forever" });
    await pause(1_200);
    await held.release();
    const lease = await wait;
    lease.assertHeld();
    expect(await lease.release()).toBe("released");
  });

  it("redis-semaphore: a timeout of 0 never tries", async ({ expect }) => {
    const { locks } = scene.open();
    const key = scene.key();
    const lease = await locks.acquire(key, { wait: 0 });
    expect(await failure(locks.acquire(key, { wait: 0 }))).toMatchObject({ code: "LOCK_TIMEOUT" });
    await lease.release();
  });

  it("OpenCTI-Platform/opencti#17341: 11 ms of work become 449 ms, and nothing tells that it waited for a lock", async ({
    expect,
  }) => {
    const [holder, waiter] = [scene.open({ holder: "importer" }), scene.open()];
    const key = scene.key();
    const told: unknown[] = [];
    for (const event of ["acquiring", "contended", "waiting", "acquired", "released"] as const) {
      waiter.locks.on(event, ({ id }) => told.push([event, id]));
    }
    let waited = 0;
    waiter.locks.on("acquired", (event) => {
      waited = event.waited;
    });
    const held = await holder.locks.acquire(key);
    const wait = waiter.locks.using(key, () => undefined);
    await waiting(holder.locks, key);
    await pause(100);
    await held.release();
    await wait;
    expect(told).toEqual(
      ["acquiring", "contended", "waiting", "acquired", "released"].map((event) => [event, 1]),
    );
    expect(waited).toBeGreaterThan(90);
  });
});

describe.concurrent("semaphores", () => {
  it("redis-semaphore: a caller with a shorter ttl pushes out a live holder", async ({ expect }) => {
    const [holder, other] = [scene.open(), scene.open()];
    const key = scene.key();
    const lease = await holder.locks.semaphore(key, { permits: 1 }).acquire({ ttl: 10_000 });
    const rival = other.locks.semaphore(key, { permits: 1 });
    expect(await rival.tryAcquire({ ttl: 20 })).toBeNull();
    await pause(60);
    expect(await rival.tryAcquire({ ttl: 20 })).toBeNull();
    expect(await lease.release()).toBe("released");
  });

  it("swarthy/redis-semaphore#205: 32 workers and more than 100 waiters on a semaphore of 100, and holders lose their permits", async ({
    expect,
  }) => {
    const workers = Array.from({ length: 32 }, () => scene.open());
    const key = scene.key();
    const lost: unknown[] = [];
    let [inside, most, done] = [0, 0, 0];
    const full = gate();
    const work = workers.flatMap(({ locks }) => {
      locks.on("lost", (event) => lost.push(event));
      const semaphore = locks.semaphore(key, { permits: 100 });
      return Array.from({ length: 8 }, () =>
        semaphore.using({ ttl: 3_000, wait: "forever" }, async (lease) => {
          most = Math.max(most, ++inside);
          if (inside === 100) full.open();
          await full.opened;
          await pause(50);
          lease.assertHeld();
          inside -= 1;
          done += 1;
        }),
      );
    });
    await Promise.all(work);
    expect([lost, most, done]).toEqual([[], 100, 256]);
  });
});

describe.concurrent("several keys", () => {
  it("medusajs/medusa#16285: of several keys some are kept, two orders wait for each other, and a cleanup frees the keys of others", async ({
    expect,
  }) => {
    const [one, two] = [scene.open(), scene.open()];
    const [a, b] = [scene.key(), scene.key()];
    let [inside, most] = [0, 0];
    const work = Array.from({ length: 40 }, (_, at) => {
      const { locks } = at % 2 ? one : two;
      const signal = at % 5 === 0 ? AbortSignal.timeout(1) : undefined;
      return locks
        .using(at % 2 ? [a, b] : [b, a], { wait: "forever", ...(signal && { signal }) }, async () => {
          most = Math.max(most, ++inside);
          await pause(1);
          inside -= 1;
        })
        .catch((error: Error) => expect(error.name).toBe("TimeoutError"));
    });
    await Promise.all(work);
    expect(most).toBe(1);
    for (const key of [a, b]) await eventually("free", () => isFree(one.locks, key));
    const held = await one.locks.acquire(b);
    await failure(two.locks.acquire([a, b], { wait: 20 }));
    await eventually("free", () => isFree(two.locks, a));
    expect(await held.release()).toBe("released");
  });
});

describe.concurrent("what is left", () => {
  it("redisson/redisson#6510, zoolutions/sidekiq-unique-jobs#964, zoolutions/sidekiq-unique-jobs#368, coleifer/walrus#181, ionelmc/python-redis-lock#17: keys without an expiry pile up, 25 million of them", async ({
    expect,
  }) => {
    await using server = await startRedis();
    const [{ locks, client }, other] = [scene.open({ url: server.url }), scene.open({ url: server.url })];
    const nothing = () => pause(1);
    const work = Array.from({ length: 50 }, (_, at) => [
      locks.using(`exclusive ${at}`, nothing),
      other.locks.using(`exclusive ${at}`, nothing),
      locks.readWrite(`shared ${at}`).read.using(nothing),
      locks.semaphore(`permits ${at}`, { permits: 2 }).using(nothing),
      locks.pool(`slots ${at}`, { size: 2 }).using(nothing),
      locks.using([`several ${at}`, `more ${at}`], nothing),
    ]).flat();
    await Promise.all(work);
    // And of a process that dies while it holds one key, and waits for another.
    const dead = scene.open({ url: server.url });
    await locks.acquire("awaited");
    await dead.locks.acquire("held");
    const wait = failure(dead.locks.acquire("awaited"));
    await waiting(locks, "awaited");
    dead.client.disconnect();
    const keys = await client.keys("*");
    const left = await Promise.all(keys.map((key) => client.pttl(key)));
    expect(keys.length).toBeGreaterThan(250);
    expect(left.filter((ms) => ms === -1)).toEqual([]);
    expect(Math.max(...left)).toBeLessThanOrEqual(3_600_000);
    await Promise.all([locks.close(), other.locks.close(), dead.locks.close()]);
    await wait;
  });
});

describe.concurrent("schedules", () => {
  it("lukas-krecan/ShedLock#1461, lukas-krecan/ShedLock#1542: clocks that are apart run a job twice, and a minimum hold that is kept too long skips runs", async ({
    expect,
  }) => {
    const { clock, locks, others } = virtual();
    const runs: number[] = [];
    const tick = async (who: typeof locks, run: number) => {
      const lease = await who.tryAcquire("nightly", { minHold: 50_000 });
      if (lease === null) return;
      runs.push(run);
      await lease.release();
    };
    // A minute's cron on two hosts, of which one is 20 s late.
    for (let run = 0; run < 5; run++) {
      await tick(run % 2 ? locks : others, run);
      await clock.advance(20_000);
      await tick(run % 2 ? others : locks, run);
      await clock.advance(40_000);
    }
    expect(runs).toEqual([0, 1, 2, 3, 4]);
  });
});

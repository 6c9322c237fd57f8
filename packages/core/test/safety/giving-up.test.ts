import { startRedis } from "@lock/redis-harness";
import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { extendScript, releaseScript } from "../../src/backends/redis/lua/index.ts";
import { RedisBackend } from "../../src/backends/redis/redis-backend.ts";
import { createLocks, type Locks, LockTimeoutError } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { libraries, type TestClient } from "../support/clients.ts";
import { withOwnWarnings } from "../support/own-warnings.ts";

const redis = useRedis();

describe.concurrent.each(newestOrOlder(libraries))("giving up with $name", ({ name, connect }) => {
  let admin: TestClient;
  let rivals: Locks;
  beforeAll(async () => {
    admin = await connect(redis.url);
    rivals = createLocks({ backend: admin.backend() });
  });
  afterAll(async () => {
    await rivals.close();
    admin.close();
  });
  const key = (title: string) => `${name} ${title}`;
  const waiters = (title: string, count: number) =>
    eventually("waiters", async () =>
      (await rivals.inspect(key(title)))?.waiting === count ? true : undefined,
    );

  /** Three waiters of one process, the first of which was just handed the lock with the right to pass it on. */
  async function threeInLine(title: string) {
    const client = await connect(redis.url);
    const locks = createLocks({ backend: client.backend() });
    const before = await rivals.acquire(key(title));
    const aborts = [0, 1, 2].map(() => new AbortController());
    const waits = aborts.map(({ signal }) => locks.acquire(key(title), { wait: "forever", signal }));
    const settled = Promise.allSettled(waits);
    await waiters(title, 3);
    await before.release();
    const first = await waits[0];
    return { client, locks, aborts, first, settled };
  }

  it("during the first contention leaves no waiter that nobody wakes", async () => {
    for (const wait of [1, 2, 3]) {
      const client = await connect(redis.url);
      const locks = createLocks({ backend: client.backend() });
      const title = `first contention ${wait}`;
      await rivals.acquire(key(title), { ttl: 700, renew: false });
      await locks.acquire(key(title), { wait }).catch(() => undefined);
      const next = await locks.acquire(key(title), { wait: 15_000 });
      expect(await next.release()).toBe("released");
      await locks.close();
      client.close();
    }
  });

  it("in the turn in which the lock is passed on leaves the key free", async () => {
    const { client, locks, aborts, first, settled } = await threeInLine("aborted in one turn");
    for (const abort of aborts) abort.abort(new Error("shutdown"));
    await first?.release();
    await settled;
    await (await rivals.acquire(key("aborted in one turn"), { wait: 15_000 })).release();
    await locks.close();
    client.close();
  });

  it("by close during contention leaves the key free", async () => {
    const { client, locks, settled } = await threeInLine("closed");
    await locks.close();
    await settled;
    await (await rivals.acquire(key("closed"), { wait: 15_000 })).release();
    client.close();
  });

  it("after a short wait is a timeout, not an outage, while the subscriber is still opening", async () => {
    const client = await connect(redis.url);
    const slow = { ...client.driver, openSubscriber: () => new Promise<never>(() => undefined) };
    const locks = createLocks({ backend: new RedisBackend(slow, { requestTimeout: 1_000 }) });
    const held = await rivals.acquire(key("slow subscriber"));
    await expect(locks.acquire(key("slow subscriber"), { wait: 400 })).rejects.toBeInstanceOf(
      LockTimeoutError,
    );
    const waiting = expect(locks.acquire(key("slow subscriber"), { wait: "forever" })).rejects.toMatchObject({
      code: "LOCK_USAGE",
    });
    await locks.close();
    await waiting;
    await held.release();
    client.close();
  });

  it("by close while the subscriber is still opening warns of nothing", () =>
    withOwnWarnings(async (warnings) => {
      const client = await connect(redis.url);
      const { driver } = client;
      let subscribing = false;
      const openSubscriber: typeof driver.openSubscriber = async (ears, until) => {
        await driver.openSubscriber(ears, until);
        const subscribe = () => {
          subscribing = true;
          return new Promise<void>((_, reject) => {
            until.addEventListener("abort", () => reject(new Error("Connection is closed.")));
          });
        };
        return { subscribe };
      };
      const locks = createLocks({ backend: new RedisBackend({ ...driver, openSubscriber }) });
      const held = await rivals.acquire(key("closed early"));
      const waiting = locks.acquire(key("closed early"), { wait: "forever" }).catch(() => undefined);
      await eventually("a subscription under way", () => (subscribing ? true : undefined));
      await locks.close();
      await waiting;
      await new Promise((resume) => setImmediate(resume));
      expect(warnings).toEqual([]);
      await held.release();
      client.close();
    }));

  it("of a subscriber whose end is heard late leaves its successor alone", async () => {
    const client = await connect(redis.url);
    const { driver } = client;
    const ends: (() => void)[] = [];
    const openSubscriber: typeof driver.openSubscriber = (ears, until) => {
      ends.push(() => ears.ended());
      return driver.openSubscriber(ears, until);
    };
    const backend = new RedisBackend({ ...driver, openSubscriber });
    const held = await rivals.acquire(key("successor"));
    const contend = async (subscribers: number) => {
      const locks = createLocks({ backend });
      const gaveUp = new AbortController();
      const waiting = locks.acquire(key("successor"), { wait: "forever", signal: gaveUp.signal });
      await eventually("a subscriber", () => (ends.length === subscribers ? true : undefined));
      gaveUp.abort();
      await waiting.catch(() => undefined);
      return locks;
    };
    await (await contend(1)).close();
    const second = await contend(2);
    ends[0]?.();
    await second.acquire(key("successor"), { wait: 200 }).catch(() => undefined);
    expect(ends).toHaveLength(2);
    await second.close();
    await held.release();
    client.close();
  });

  it("of a release for good costs the next waiter one lease, not two", async () => {
    const client = await connect(redis.url);
    const { driver } = client;
    let cut = false;
    const lost = (sha: string) => cut && (sha === releaseScript.sha || sha === extendScript.sha);
    const evalsha: typeof driver.evalsha = (sha, keys, args) =>
      lost(sha) ? Promise.reject(new Error("connection lost")) : driver.evalsha(sha, keys, args);
    const ttl = 3_000;
    const locks = createLocks({ backend: new RedisBackend({ ...driver, evalsha }), ttl });
    const before = await rivals.acquire(key("release fails"));
    const waits = [1, 2].map(() => locks.acquire(key("release fails"), { wait: "forever" }));
    await waiters("release fails", 2);
    await before.release();
    await (await waits[0])?.release();
    const passed = await waits[1];
    cut = true;
    await expect(passed?.release()).rejects.toMatchObject({ code: "LOCK_BACKEND" });
    cut = false;
    const start = performance.now();
    await (await locks.acquire(key("release fails"), { wait: 20_000 })).release();
    expect(performance.now() - start).toBeLessThan(ttl + 1_500);
    await locks.close();
    client.close();
  });

  it("of its subscriber while the server stands still leaves nothing unhandled", async () => {
    await using server = await startRedis();
    const client = await connect(server.url);
    let ended = 0;
    const end = new AbortController();
    const ears = {
      message: () => undefined,
      resumed: () => undefined,
      ended: () => {
        ended += 1;
      },
    };
    const subscriber = await client.driver.openSubscriber(ears, end.signal);
    await subscriber.subscribe("lock:wake:again");
    server.pause();
    const asking = subscriber.subscribe("lock:wake:more").catch(() => undefined);
    end.abort();
    await server.kill();
    // An unhandled rejection would fail the run.
    await eventually("the end", () => (ended > 0 ? true : undefined));
    await asking;
    client.close();
  });
});

describe.concurrent.each(newestOrOlder(libraries))("many prefixes with $name", ({ connect }) => {
  it("a prefix whose channel is not allowed leaves the others able to hear", () =>
    withOwnWarnings(async (warnings) => {
      await using server = await startRedis();
      const admin = await connect(server.url);
      await admin.command("ACL", "SETUSER", "limited", "on", ">secret", "~*", "&lock:*", "+@all");
      const client = await connect(server.url.replace("redis://", "redis://limited:secret@"));
      const backend = client.backend();
      const [allowed, denied] = [createLocks({ backend }), createLocks({ backend, prefix: "other" })];
      const rivals = createLocks({ backend: admin.backend() });
      const handOver = async (key: string) => {
        const lease = await rivals.acquire(key);
        const waiting = allowed.acquire(key, { wait: "forever" });
        await eventually("a waiter", async () =>
          (await rivals.inspect(key))?.waiting === 1 ? true : undefined,
        );
        await lease.release();
        await (await waiting).release();
      };
      await handOver("before");
      const held = await denied.acquire("held");
      await denied.acquire("held", { wait: 100 }).catch(() => undefined);
      await held.release();
      expect(await admin.command("PUBSUB", "CHANNELS", "lock:wake:*")).toHaveLength(1);
      await handOver("after");
      expect(await admin.command("PUBSUB", "CHANNELS", "lock:wake:*")).toHaveLength(1);
      await eventually("a warning", () =>
        warnings.find((text) => /cannot hear messages on other:wake/.test(text)),
      );
      for (const locks of [allowed, denied, rivals]) await locks.close();
      client.close();
      admin.close();
    }));
});

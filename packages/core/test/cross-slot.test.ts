import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RedisDriver } from "../src/backends/redis/driver.ts";
import { acquireScript, extendScript } from "../src/backends/redis/lua/index.ts";
import { RedisBackend } from "../src/backends/redis/redis-backend.ts";
import { createLocks, type Locks } from "../src/index.ts";
import { eventually } from "../src/testing/test-api.ts";
import { ioredis6, type TestClient } from "./support/clients.ts";
import { useClusterOfOne } from "./support/cluster-of-one.ts";

/** A cluster of one node: it refuses scripts over several hash slots, as every cluster does. */
const redis = useClusterOfOne();
let admin: TestClient;
let clients: TestClient[];
let one: Locks;
let two: Locks;

beforeAll(async () => {
  admin = await ioredis6.connect(redis.url);
});
afterAll(() => admin.close());

const open = (client: TestClient): Locks =>
  createLocks({ backend: new RedisBackend({ ...client.driver, deployment: "cluster" }) });

beforeEach(async () => {
  clients = [await ioredis6.connect(redis.url), await ioredis6.connect(redis.url)];
  const [first, second] = clients.map(open);
  if (first === undefined || second === undefined) throw new Error("two clients were asked for");
  one = first;
  two = second;
});
afterEach(async () => {
  await one.close();
  await two.close();
  for (const client of clients) client.close();
});

let made = 0;
const newKeys = (count: number): string[] =>
  Array.from({ length: count }, () => `slot ${String(made++).padStart(4, "0")}`);

describe("several keys in different hash slots of a cluster", () => {
  it("are refused in one script, which is learnt at run time", async () => {
    const single = createLocks({ backend: new RedisBackend(admin.driver) });
    const keys = newKeys(2);
    await expect(single.acquire(keys, { atomic: true })).rejects.toMatchObject({ code: "LOCK_USAGE" });
    for (const key of keys) expect(await one.inspect(key)).toBeNull();
    await single.close();
  });

  it("are taken in order, all or none, and let go together", async () => {
    const [a = "", b = "", c = ""] = newKeys(3);
    const lease = await one.acquire([c, a, b]);
    expect(lease.keys).toEqual([a, b, c]);
    const tokens = await Promise.all(
      [a, b, c].map(async (key) => (await two.inspect(key))?.holders[0]?.token),
    );
    expect(new Set(tokens).size).toBe(1);
    await lease.extend(60_000);
    expect(lease.validFor).toBeGreaterThan(50_000);
    expect(await lease.release()).toBe("released");
    for (const key of [a, b, c]) expect(await two.inspect(key)).toBeNull();
  });

  it.each([
    [
      "are taken under a new owner token where the attempt in one step was lost",
      acquireScript,
      "read ECONNRESET",
    ],
    ["outlast a server that loads, when all are taken", extendScript, "LOADING Redis is loading the dataset"],
    ["outlast a lost connection, when all are taken", extendScript, "Connection is closed."],
  ])("%s", async (_, script, fault) => {
    let faults = 0;
    const { driver } = admin;
    const evalsha: RedisDriver["evalsha"] = async (sha, keys, args) => {
      if (sha === script.sha && faults++ === 0) throw new Error(fault);
      return driver.evalsha(sha, keys, args);
    };
    const locks = createLocks({ backend: new RedisBackend({ ...driver, evalsha }) });
    const lease = await locks.acquire(newKeys(2), { wait: 10_000 });
    expect(await lease.release()).toBe("released");
    expect(faults).toBeGreaterThan(0);
    await locks.close();
  });

  it.each(["abort", "time"])("are given back when %s ends the last step", async (how) => {
    const keys = newKeys(2);
    const { driver } = admin;
    const abort = new AbortController();
    const evalsha: RedisDriver["evalsha"] = (sha, redisKeys, args) => {
      if (sha !== extendScript.sha) return driver.evalsha(sha, redisKeys, args);
      if (how === "abort") abort.abort(new Error("enough"));
      return Promise.reject(new Error("LOADING Redis is loading the dataset"));
    };
    const locks = createLocks({ backend: new RedisBackend({ ...driver, evalsha }) });
    const wait = how === "time" ? 300 : ("forever" as const);
    const acquiring = locks.acquire(keys, { wait, signal: abort.signal });
    await expect(acquiring).rejects.toThrow(how === "time" ? /LOADING/ : "enough");
    await locks.close();
    for (const key of keys) expect(await one.inspect(key)).toBeNull();
  });

  it("are given back when one of them stays busy", async () => {
    const [a = "", b = "", c = ""] = newKeys(3);
    const held = await two.acquire(c);
    await expect(one.acquire([a, b, c], { wait: 300 })).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
    expect(await one.tryAcquire([a, b, c])).toBeNull();
    await eventually("both back", async () =>
      (await two.inspect(a)) === null && (await two.inspect(b)) === null ? true : undefined,
    );
    await held.release();
  });

  it("are given back by a close in the middle", async () => {
    const [a = "", b = ""] = newKeys(2);
    const held = await two.acquire(b);
    const waiting = expect(one.acquire([a, b])).rejects.toMatchObject({ code: "LOCK_USAGE" });
    await eventually("the first", async () => ((await two.inspect(a))?.holding === 1 ? true : undefined));
    await one.close();
    await waiting;
    expect(await two.inspect(a)).toBeNull();
    await held.release();
  });

  it("are refused where they are demanded in one step, and nothing is sent", async () => {
    const keys = newKeys(2);
    const error = await one.acquire(keys, { atomic: true }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "LOCK_USAGE" });
    expect(String(error)).toMatch(/different hash slots.*leave atomic out/);
    await (await one.acquire(keys.slice(1), { atomic: true })).release();
    expect(await two.inspect(keys[0] ?? "")).toBeNull();
  });

  it("are kept while the last one is waited for, though that takes longer than the ttl", async () => {
    const [a = "", b = ""] = newKeys(2);
    const held = await two.acquire(b);
    let done = false;
    const waiting = one.acquire([a, b], { ttl: 300 }).finally(() => {
      done = true;
    });
    const token = await eventually("the first", async () => (await two.inspect(a))?.holders[0]?.token);
    const end = performance.now() + 1_000;
    while (performance.now() < end) {
      expect((await two.inspect(a))?.holders[0]?.token).toBe(token);
      expect(await two.tryAcquire(a)).toBeNull();
    }
    expect(done).toBe(false);
    await held.release();
    const lease = await waiting;
    expect((await two.inspect(b))?.holders[0]?.token).toBe(token);
    lease.assertHeld();
    expect(await lease.release()).toBe("released");
  });

  it("have one fencing token, larger than all before and smaller than all after", async () => {
    const [a = "", b = ""] = newKeys(2);
    const ahead = (Date.now() + 60_000) * 1_000;
    await admin.command("SET", `lock:{${b}}:fence`, String(ahead), "PX", "600000");
    const lease = await one.acquire([a, b]);
    expect(lease.fencingToken).toBe(ahead + 1);
    await lease.release();
    for (const key of [a, b]) {
      expect(await two.using(key, ({ fencingToken }) => fencingToken)).toBeGreaterThan(ahead + 1);
    }
  });

  it("are read in order, too, and no writer after it has a smaller fencing token", async () => {
    const [a = "", b = ""] = newKeys(2);
    const ahead = (Date.now() + 60_000) * 1_000;
    await admin.command("SET", `lock:{${b}}:fence`, String(ahead), "PX", "600000");
    const reader = await one.readWrite([a, b]).read.acquire();
    expect(reader.fencingToken).toBe(ahead);
    await reader.release();
    expect(await two.using(a, ({ fencingToken }) => fencingToken)).toBeGreaterThan(ahead);
  });

  it("are waited for by many without a deadlock", async () => {
    const keys = newKeys(5);
    const holders = new Set<string>();
    let rounds = 0;
    const caller = async (locks: Locks, index: number) => {
      for (let round = 0; round < 5; round++) {
        const wanted = [0, 1, 2].map((step) => keys[(index + round * step + step) % keys.length] ?? "");
        await locks.using(wanted, { wait: "forever" }, async (lease) => {
          for (const key of lease.keys) expect(holders.has(key)).toBe(false);
          for (const key of lease.keys) holders.add(key);
          await new Promise((resume) => setImmediate(resume));
          for (const key of lease.keys) holders.delete(key);
        });
        rounds += 1;
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, index) => caller(index % 2 === 0 ? one : two, index)));
    expect(rounds).toBe(40);
    for (const key of keys) expect(await one.inspect(key)).toBeNull();
  });

  it("travel by a ticket", async () => {
    const keys = newKeys(2);
    const lease = await one.acquire(keys);
    const adopted = await two.adopt(lease.toTicket());
    expect(adopted.fencingToken).toBe(lease.fencingToken);
    await adopted.extend();
    expect(await adopted.release()).toBe("released");
    for (const key of keys) expect(await one.inspect(key)).toBeNull();
  });
});

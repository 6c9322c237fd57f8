import { readFileSync } from "node:fs";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { startFaultyProxy } from "@lock/redis-harness";
import { useRedis } from "@lock/redis-harness/vitest";
import * as verrou from "@verrou/core";
import * as verrouRedis from "@verrou/core/drivers/redis";
import * as redisSemaphore from "redis-semaphore";
import * as redlockUniversal from "redlock-universal";
import * as redlock5 from "redlock5";
import { afterEach, describe, expect, it, vi } from "vitest";
import { asPeerClient } from "../../src/contestants/clients.ts";
import { useClients } from "../support/clients.ts";
import { travellers } from "../support/travellers.ts";

const { Mutex, RedlockMutex, Semaphore } = redisSemaphore;

const redis = useRedis();
const connect = useClients();
afterEach(() => {
  vi.useRealTimers();
});

/** The names of all that a package exports, and of the methods of its classes. */
function namesOf(exported: object): string[] {
  return Object.entries(exported).flatMap(([name, value]) => {
    const members = typeof value === "function" && value.prototype ? value.prototype : {};
    return [name, ...Object.getOwnPropertyNames(members).map((member) => `${name}.${member}`)];
  });
}

const READERS = { feature: "readers and writers", words: /read|writer|shared/i };
const SEMAPHORE = { feature: "semaphore", words: /semaphore|permit|limit/i };
const QUORUM = { feature: "quorum", words: /quorum|redlock|majority|node/i };

describe("what is not there", () => {
  const verrouAll = { ...verrou, ...verrouRedis };

  it.each([
    { name: "redlock 5", exported: redlock5, ...READERS },
    { name: "redlock 5", exported: redlock5, ...SEMAPHORE },
    { name: "redis-semaphore", exported: redisSemaphore, ...READERS },
    { name: "redlock-universal", exported: redlockUniversal, ...READERS },
    { name: "redlock-universal", exported: redlockUniversal, ...SEMAPHORE },
    { name: "@verrou/core", exported: verrouAll, ...READERS },
    { name: "@verrou/core", exported: verrouAll, ...SEMAPHORE },
    { name: "@verrou/core", exported: verrouAll, ...QUORUM },
  ])("$name: no $feature among all that it exports", ({ exported, words }) => {
    const names = namesOf(exported);
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => words.test(name))).toEqual([]);
  });

  it("the words are those that others use", async () => {
    const locks = createLocks({ backend: inProcessBackend() });
    expect(namesOf({ Locks: locks.constructor }).filter((name) => READERS.words.test(name))).toEqual([
      "Locks.readWrite",
    ]);
    await locks.close();
    expect(namesOf(redisSemaphore).filter((name) => SEMAPHORE.words.test(name))).toContain("Semaphore");
    expect(namesOf(redlockUniversal).filter((name) => QUORUM.words.test(name))).toContain("createRedlock");
  });

  it.each(["redlock5", "redis-semaphore", "redlock-universal", "@verrou/core"])(
    "%s knows no framework for routes, jobs or agents",
    (name) => {
      const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
      const { dependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync(file, "utf8"));
      const known = Object.keys({ ...dependencies, ...peerDependencies });
      const frameworks = /express|fastify|hono|koa|nest|adonis|bull|bee-queue|agenda|langchain|openai|mastra/;
      expect(known.length).toBeGreaterThan(0);
      expect(known.filter((dependency) => frameworks.test(dependency))).toEqual([]);
    },
  );
});

describe("several keys", () => {
  const keys = asPeerClient<string>(["one", "two"]);

  it("redis-semaphore refuses them", () => {
    expect(() => new Mutex(asPeerClient(connect(redis.url)), keys)).toThrow("must be a string");
  });

  it("@verrou/core refuses them", async () => {
    const connection = asPeerClient<never>(connect(redis.url));
    const factory = new verrou.LockFactory(verrouRedis.redisStore({ connection }).factory());
    await expect(factory.createLock(keys).acquireImmediately()).rejects.toThrow("syntax error");
  });
});

describe("a semaphore", () => {
  it("redis-semaphore lets a client whose clock is ahead push out a live holder", async () => {
    const options = { lockTimeout: 10_000, refreshInterval: 0, acquireAttemptsLimit: 1 };
    const semaphore = () => new Semaphore(asPeerClient(connect(redis.url)), "one at a time", 1, options);
    const [holder, other] = [semaphore(), semaphore()];
    await holder.acquire();
    expect(await other.tryAcquire()).toBe(false);
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + options.lockTimeout + 1);
    expect(await other.tryAcquire()).toBe(true);
    expect(holder.isAcquired).toBe(true);
  });
});

describe("a quorum", () => {
  const quorums = [
    {
      name: "redlock 5",
      acquire: (client: object, ttl: number) =>
        new redlock5.default([client], { retryCount: 0 }).acquire(["late redlock"], ttl),
      key: "late redlock",
    },
    {
      name: "redis-semaphore",
      acquire: (client: object, ttl: number) =>
        new RedlockMutex([asPeerClient(client)], "late", {
          lockTimeout: ttl,
          refreshInterval: 0,
          acquireAttemptsLimit: 1,
        }).acquire(),
      key: "mutex:late",
    },
  ];

  it.each(quorums)("$name grants what has ended when its answers come", async ({ acquire, key }) => {
    await using proxy = await startFaultyProxy(redis.server);
    const client = connect(proxy.url);
    await client.ping();
    proxy.delay(300);
    await acquire(client, 200);
    expect(await connect(redis.url).exists(key)).toBe(0);
  });

  it("redlock-universal grants no such thing", async () => {
    await using proxy = await startFaultyProxy(redis.server);
    const client = connect(proxy.url);
    await client.ping();
    proxy.delay(300);
    const adapters = [redlockUniversal.IoredisAdapter.from(asPeerClient(client))];
    const lock = redlockUniversal.createRedlock({ adapters, key: "late", ttl: 200, retryAttempts: 0 });
    await expect(lock.acquire()).rejects.toThrow();
  });
});

describe("a lock that another process took over", () => {
  it.each(travellers)("$name lets the first process free it", async ({ keyOf, travel, name }) => {
    const client = connect(redis.url);
    await travel(client, `travels ${name}`);
    expect(await client.exists(keyOf(`travels ${name}`))).toBe(0);
  });
});

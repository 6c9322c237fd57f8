import { readFileSync } from "node:fs";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { ioredisBackend } from "@lock/core/ioredis";
import { stepWallClock } from "@lock/redis-harness/stepped-clock";
import { useRedis } from "@lock/redis-harness/vitest";
import * as verrou from "@verrou/core";
import * as verrouRedis from "@verrou/core/drivers/redis";
import * as redisSemaphore from "redis-semaphore";
import * as redlockUniversal from "redlock-universal";
import * as redlock5 from "redlock5";
import { describe, expect, it } from "vitest";
import { asPeerClient } from "../../src/contestants/clients.ts";
import { useClients } from "../support/clients.ts";
import { travellers } from "../support/travellers.ts";

const { Mutex, Semaphore } = redisSemaphore;

const redis = useRedis();
const connect = useClients();

/** The names of all that a package exports, and of the methods of its classes. */
function namesOf(exported: object): string[] {
  return Object.entries(exported).flatMap(([name, value]) => {
    const members = typeof value === "function" && value.prototype ? value.prototype : {};
    return [name, ...Object.getOwnPropertyNames(members).map((member) => `${name}.${member}`)];
  });
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** The package.json of what is installed under that name. */
function packageOf(folder: string): Manifest {
  const file = new URL(`../../node_modules/${folder}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8"));
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

  const FRAMEWORK = /express|fastify|hono|koa|nest|adonis|bull|bee-queue|agenda|langchain|openai|mastra/;
  const DATABASE = /pg|postgres|mysql|maria|sqlite|mssql|knex|kysely|prisma|drizzle|dynamodb|mongo/;

  it.each([
    { name: "redlock", folder: "redlock5", feature: "framework", words: FRAMEWORK },
    { name: "redis-semaphore", folder: "redis-semaphore", feature: "framework", words: FRAMEWORK },
    { name: "redlock-universal", folder: "redlock-universal", feature: "framework", words: FRAMEWORK },
    { name: "@verrou/core", folder: "@verrou/core", feature: "framework", words: FRAMEWORK },
    { name: "redlock", folder: "redlock5", feature: "database", words: DATABASE },
    { name: "redis-semaphore", folder: "redis-semaphore", feature: "database", words: DATABASE },
    { name: "redlock-universal", folder: "redlock-universal", feature: "database", words: DATABASE },
  ])("$name: no $feature among its dependencies and peers", ({ folder, words }) => {
    const { dependencies = {}, peerDependencies = {} } = packageOf(folder);
    const known = Object.keys({ ...dependencies, ...peerDependencies });
    expect(known.length).toBeGreaterThan(0);
    expect(known.filter((dependency) => words.test(dependency))).toEqual([]);
  });

  it("a database is among those of @verrou/core", () => {
    expect(Object.keys(packageOf("@verrou/core").peerDependencies ?? {})).toContainEqual(
      expect.stringMatching(DATABASE),
    );
  });
});

it.each(["redlock5", "redlock4", "redis-semaphore", "redlock-universal", "@verrou/core"])(
  "the page that compares names the version of %s that is run here",
  (name) => {
    const page = readFileSync(new URL("../../../docs/compared.md", import.meta.url), "utf8");
    const { name: published, version } = packageOf(name);
    expect(page).toContain(`${published} ${version.replace(/^v/, "")}`);
  },
);

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
    using _ahead = stepWallClock(options.lockTimeout + 1);
    expect(await other.tryAcquire()).toBe(true);
    expect(holder.isAcquired).toBe(true);
  });

  it("@lock/core does not: the server's clock counts", async () => {
    const [ours, others] = [redis.url, redis.url].map((url) =>
      createLocks({ backend: ioredisBackend(connect(url)) }),
    );
    const ttl = 10_000;
    const lease = await ours?.semaphore("one at a time", { permits: 1 }).acquire({ ttl });
    {
      using _ahead = stepWallClock(ttl + 1);
      expect(await others?.semaphore("one at a time", { permits: 1 }).tryAcquire()).toBe(null);
    }
    expect(lease?.validFor).toBeGreaterThan(0);
    await Promise.all([ours?.close(), others?.close()]);
  });
});

describe("a lock that another process took over", () => {
  it.each(travellers)("$name lets the first process free it", async ({ keyOf, travel, name }) => {
    const client = connect(redis.url);
    await travel(client, `travels ${name}`);
    expect(await client.exists(keyOf(`travels ${name}`))).toBe(0);
  });
});

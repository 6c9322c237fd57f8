import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { askServer } from "@lock/redis-harness";
import { useCluster, useRedis } from "@lock/redis-harness/vitest";
import { LockFactory } from "@verrou/core";
import { redisStore } from "@verrou/core/drivers/redis";
import { Cluster } from "ioredis5";
import { Mutex } from "redis-semaphore";
import { createLock, IoredisAdapter } from "redlock-universal";
import Redlock from "redlock5";
import { describe, expect, it } from "vitest";
import { asPeerClient, openNodeRedis6 } from "../../src/contestants/clients.ts";
import { TTL } from "../../src/contestants/contestant.ts";
import { redisSemaphore, redlock5, verrou } from "../support/attempts.ts";
import { useClients } from "../support/clients.ts";

const redis = useRedis();
const cluster = useCluster();
const connect = useClients();

describe("with node-redis", () => {
  it("redlock 5 gets nothing", async () => {
    const client = await openNodeRedis6(redis.url);
    expect(await redlock5.attempt(client, "free")).toBe(false);
    client.destroy();
  });

  it.each([redisSemaphore, verrou])(
    "$name locks nothing: all get the key, which never ends",
    async (rival) => {
      const client = await openNodeRedis6(redis.url);
      expect(await rival.attempt(client, "free")).toBe(true);
      expect(await rival.attempt(client, "free")).toBe(true);
      expect(await connect(redis.url).ttl(rival.keyOf("free"))).toBe(-1);
      client.destroy();
    },
  );
});

interface OnCluster {
  readonly name: string;
  /** Takes a key and frees it, with nothing left of earlier calls. */
  pair(client: Cluster, key: string): Promise<unknown>;
}

const onCluster: readonly OnCluster[] = [
  {
    name: "redlock 5",
    pair: async (client, key) => (await new Redlock([client]).acquire([key], TTL)).release(),
  },
  {
    name: "redis-semaphore",
    pair: async (client, key) => {
      const mutex = new Mutex(asPeerClient(client), key);
      await mutex.acquire();
      await mutex.release();
    },
  },
  {
    name: "@verrou/core",
    pair: async (client, key) => {
      const factory = new LockFactory(redisStore({ connection: asPeerClient(client) }).factory());
      await factory.createLock(key, TTL).run(async () => undefined);
    },
  },
  {
    name: "@lock/core",
    pair: async (client, key) => {
      const locks = createLocks({ backend: ioredisBackend(client) });
      await locks.using(key, async () => undefined);
      await locks.close();
    },
  },
];

const redlockUniversal: OnCluster = {
  name: "redlock-universal",
  pair: async (client, key) => {
    const lock = createLock({ adapter: IoredisAdapter.from(asPeerClient(client)), key });
    return lock.release(await lock.acquire());
  },
};

describe("on a cluster whose nodes do not know the scripts", () => {
  const KEYS = 30;

  /** How many keys could not be taken and freed; before each, all nodes forget their scripts. */
  async function failures({ name, pair }: OnCluster): Promise<number> {
    const client = new Cluster([...cluster().urls]);
    const masters = await cluster().masters();
    let failed = 0;
    for (let i = 0; i < KEYS; i++) {
      await Promise.all(masters.map(({ port }) => askServer(port, "SCRIPT", "FLUSH")));
      await pair(client, `${name} ${i}`).catch(() => {
        failed += 1;
      });
    }
    client.disconnect();
    return failed;
  }

  it.each(onCluster)("$name frees all that it took", async (library) => {
    expect(await failures(library)).toBe(0);
  });

  it("redlock-universal cannot free some of it", async () => {
    expect(await failures(redlockUniversal)).toBeGreaterThan(0);
  });
});

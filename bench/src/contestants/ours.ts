import { createLocks, type LockBackend } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { openIoredis5, openIoredis6, openNodeRedis5, openNodeRedis6 } from "./clients.ts";
import { type ClientName, type Contestant, type Session, TTL } from "./contestant.ts";

const ACQUIRE = { ttl: TTL, wait: "forever" } as const;

function session(backend: LockBackend, hangUp: () => void): Session {
  const locks = createLocks({ backend });
  return {
    acquire: async (key) => {
      const lease = await locks.acquire(key, ACQUIRE);
      return () => lease.release();
    },
    close: async () => {
      await locks.close();
      hangUp();
    },
  };
}

function ours(client: ClientName, open: (url: string) => Promise<Session>): Contestant {
  return { name: "@lock/core", family: "ours", client, settings: "renewal on (its default)", open };
}

export const oursOnIoredis5 = ours("ioredis 5", async (url) => {
  const client = await openIoredis5(url);
  return session(ioredisBackend(client), () => client.disconnect());
});

export const oursOnIoredis6 = ours("ioredis 6", async (url) => {
  const client = await openIoredis6(url);
  return session(ioredisBackend(client), () => client.disconnect());
});

export const oursOnNodeRedis5 = ours("node-redis 5", async (url) => {
  const client = await openNodeRedis5(url);
  return session(nodeRedisBackend(client), () => client.destroy());
});

export const oursOnNodeRedis6 = ours("node-redis 6", async (url) => {
  const client = await openNodeRedis6(url);
  return session(nodeRedisBackend(client), () => client.destroy());
});

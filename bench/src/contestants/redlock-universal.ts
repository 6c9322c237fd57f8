import { createLock, IoredisAdapter, NodeRedisAdapter, type RedisAdapter } from "redlock-universal";
import { asPeerClient, openIoredis5, openNodeRedis5 } from "./clients.ts";
import { type ClientName, type Contestant, RETRY_DELAY, type Session, TTL } from "./contestant.ts";

function session(adapter: RedisAdapter, hangUp: () => void): Session {
  const options = { ttl: TTL, retryDelay: RETRY_DELAY, retryAttempts: Number.MAX_SAFE_INTEGER } as const;
  return {
    acquire: async (key) => {
      const lock = createLock({ adapter, key, performance: "lean", ...options });
      const handle = await lock.acquire();
      return () => lock.release(handle);
    },
    close: async () => hangUp(),
  };
}

function redlockUniversal(client: ClientName, open: (url: string) => Promise<Session>): Contestant {
  const settings = `lean mode (its fastest), retry ${RETRY_DELAY} ms (default 100), no renewal`;
  return { name: "redlock-universal", family: "rival", client, settings, open };
}

export const redlockUniversalOnIoredis5 = redlockUniversal("ioredis 5", async (url) => {
  const client = await openIoredis5(url);
  return session(IoredisAdapter.from(asPeerClient(client)), () => client.disconnect());
});

export const redlockUniversalOnNodeRedis5 = redlockUniversal("node-redis 5", async (url) => {
  const client = await openNodeRedis5(url);
  return session(NodeRedisAdapter.from(asPeerClient(client)), () => client.destroy());
});

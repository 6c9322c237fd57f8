import type { createLocks, LockBackend, Locks } from "@lock/core";
import type { ioredisBackend } from "@lock/core/ioredis";
import type { nodeRedisBackend } from "@lock/core/node-redis";
import { openIoredis5, openIoredis6, openNodeRedis5, openNodeRedis6 } from "./clients.ts";
import { type ClientName, type Contestant, type Session, TTL } from "./contestant.ts";

/** What is measured of one build of `@lock/core`. */
export interface Build {
  readonly createLocks: typeof createLocks;
  readonly ioredisBackend: typeof ioredisBackend;
  readonly nodeRedisBackend: typeof nodeRedisBackend;
}

const ACQUIRE = { ttl: TTL, wait: "forever" } as const;

function ours(client: ClientName, open: (url: string) => Promise<Session>): Contestant {
  return { name: "@lock/core", family: "ours", client, settings: "renewal on (its default)", open };
}

/** One build on each client. `prepare` sees each locks object before its first use. */
export function oursOf(
  { createLocks, ioredisBackend, nodeRedisBackend }: Build,
  prepare?: (locks: Locks) => void,
) {
  function session(backend: LockBackend, hangUp: () => void): Session {
    const locks = createLocks({ backend });
    prepare?.(locks);
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
  return {
    onIoredis5: ours("ioredis 5", async (url) => {
      const client = await openIoredis5(url);
      return session(ioredisBackend(client), () => client.disconnect());
    }),
    onIoredis6: ours("ioredis 6", async (url) => {
      const client = await openIoredis6(url);
      return session(ioredisBackend(client), () => client.disconnect());
    }),
    onNodeRedis5: ours("node-redis 5", async (url) => {
      const client = await openNodeRedis5(url);
      return session(nodeRedisBackend(client), () => client.destroy());
    }),
    onNodeRedis6: ours("node-redis 6", async (url) => {
      const client = await openNodeRedis6(url);
      return session(nodeRedisBackend(client), () => client.destroy());
    }),
  };
}

import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, beforeAll } from "vitest";

/** Two locks on one Redis, as two processes with different clients have them. */
export interface Scene {
  /** On ioredis. */
  readonly locks: Locks;
  /** On node-redis. */
  readonly others: Locks;
  readonly redis: Redis;
  readonly url: string;
  /** A session that no other test uses. */
  session(): string;
}

export function useScene(): Scene {
  const server = useRedis();
  let opened: Pick<Scene, "locks" | "others" | "redis"> | undefined;
  let close = async (): Promise<void> => {};
  let sessions = 0;
  beforeAll(async () => {
    const redis = new Redis(server.url);
    const client = await createClient({ url: server.url }).connect();
    const locks = createLocks({ backend: ioredisBackend(redis) });
    const others = createLocks({ backend: nodeRedisBackend(client) });
    opened = { locks, others, redis };
    close = async () => {
      await Promise.all([locks.close(), others.close()]);
      redis.disconnect();
      client.destroy();
    };
  });
  afterAll(() => close());
  const scene = () => {
    if (opened === undefined) throw new Error("the scene is there only within tests");
    return opened;
  };
  return {
    get locks() {
      return scene().locks;
    },
    get others() {
      return scene().others;
    },
    get redis() {
      return scene().redis;
    },
    get url() {
      return server.url;
    },
    session: () => `session ${++sessions}`,
  };
}

import { nodeRedisDriver } from "./backends/redis/drivers/node-redis.ts";
import type { NodeRedisClient } from "./backends/redis/drivers/node-redis-client.ts";
import {
  RedisBackend,
  type RedisBackendOptions,
  type RedisLockBackend,
} from "./backends/redis/redis-backend.ts";

export type {
  NodeRedisChannels,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisEvalOptions,
  NodeRedisNode,
  NodeRedisScripts,
  NodeRedisSentinel,
  NodeRedisSingle,
  NodeRedisSubscriber,
} from "./backends/redis/drivers/node-redis-client.ts";
export type { RedisBackendOptions, RedisLockBackend } from "./backends/redis/redis-backend.ts";

/**
 * Grants leases on the Redis that a node-redis client (`redis` 5 or 6) is connected to: of `createClient()`,
 * `createSentinel()` or `createCluster()`; connect it first. The client stays the user's; one more connection is opened
 * at the first contention, to be told when to ask for a key again, and closed by `locks.close()`.
 * @example
 * import { createLocks } from "@lock/core";
 * import { nodeRedisBackend } from "@lock/core/node-redis";
 * import { createClient } from "redis";
 *
 * const client = await createClient().on("error", console.error).connect();
 * const locks = createLocks({ backend: nodeRedisBackend(client) });
 * @throws LockUsageError
 */
export function nodeRedisBackend(client: NodeRedisClient, options?: RedisBackendOptions): RedisLockBackend {
  return new RedisBackend(nodeRedisDriver(client), options);
}

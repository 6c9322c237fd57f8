import type { QuorumNode } from "./backend.ts";
import { nodeRedisDriver } from "./backends/redis/drivers/node-redis.ts";
import type { NodeRedisClient } from "./backends/redis/drivers/node-redis-client.ts";
import { RedisBackend, type RedisBackendOptions } from "./backends/redis/redis-backend.ts";

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
export type { RedisBackendOptions } from "./backends/redis/redis-backend.ts";

/**
 * Grants leases on the Redis that a node-redis client (`redis` 5 or 6) is connected to: of `createClient()`,
 * `createSentinel()` or `createCluster()`; connect it first. The client stays the user's; one more connection is opened
 * at the first contention, to be told when to ask for a key again, and closed by `locks.close()`.
 * @throws LockUsageError
 */
export function nodeRedisBackend(client: NodeRedisClient, options?: RedisBackendOptions): QuorumNode {
  return new RedisBackend(nodeRedisDriver(client), options);
}

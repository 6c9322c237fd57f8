import type { QuorumNode } from "./backend.ts";
import { ioredisDriver } from "./backends/redis/drivers/ioredis.ts";
import type { IoredisClient } from "./backends/redis/drivers/ioredis-client.ts";
import { RedisBackend, type RedisBackendOptions } from "./backends/redis/redis-backend.ts";

export type {
  IoredisClient,
  IoredisCommands,
  IoredisNode,
  IoredisSubscriber,
} from "./backends/redis/drivers/ioredis-client.ts";
export type { RedisBackendOptions } from "./backends/redis/redis-backend.ts";

/**
 * Grants leases on the Redis that an ioredis client (5 or 6) is connected to: a `Redis`, also one with `sentinels`, or
 * a `Cluster`. The client stays the user's; one more connection is opened at the first contention, to be
 * told when to ask for a key again, and closed by `locks.close()`.
 * @throws LockUsageError
 */
export function ioredisBackend(client: IoredisClient, options?: RedisBackendOptions): QuorumNode {
  return new RedisBackend(ioredisDriver(client), options);
}

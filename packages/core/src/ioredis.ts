import type { QuorumNode } from "./backend.ts";
import { type IoredisClient, ioredisDriver } from "./backends/redis/drivers/ioredis.ts";
import { RedisBackend, type RedisBackendOptions } from "./backends/redis/redis-backend.ts";

export type { IoredisClient, IoredisSubscriber } from "./backends/redis/drivers/ioredis.ts";
export type { RedisBackendOptions } from "./backends/redis/redis-backend.ts";

/**
 * Grants leases on the Redis that an ioredis client (5 or 6) is connected to. The client stays the user's; one
 * more connection is opened at the first contention, to hear of hand-overs, and closed by `locks.close()`.
 * @throws LockUsageError
 */
export function ioredisBackend(client: IoredisClient, options?: RedisBackendOptions): QuorumNode {
  return new RedisBackend(ioredisDriver(client), options);
}

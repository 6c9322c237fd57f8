import { ioredisDriver } from "./backends/redis/drivers/ioredis.ts";
import type { IoredisClient } from "./backends/redis/drivers/ioredis-client.ts";
import {
  RedisBackend,
  type RedisBackendOptions,
  type RedisLockBackend,
} from "./backends/redis/redis-backend.ts";

export type {
  IoredisClient,
  IoredisCommands,
  IoredisNode,
  IoredisSubscriber,
} from "./backends/redis/drivers/ioredis-client.ts";
export type { RedisBackendOptions, RedisLockBackend } from "./backends/redis/redis-backend.ts";

/**
 * Grants leases on the Redis or Valkey that a client of ioredis (5 or 6) or iovalkey is connected to: a `Redis`, also one with `sentinels`, or
 * a `Cluster`. The client stays the user's; one more connection is opened at the first contention, to be
 * told when to ask for a key again, and closed by `locks.close()`.
 * @example
 * import { createLocks } from "@lock/core";
 * import { ioredisBackend } from "@lock/core/ioredis";
 * import { Redis } from "ioredis";
 *
 * const locks = createLocks({ backend: ioredisBackend(new Redis()) });
 * @throws LockUsageError
 */
export function ioredisBackend(client: IoredisClient, options?: RedisBackendOptions): RedisLockBackend {
  return new RedisBackend(ioredisDriver(client), options);
}

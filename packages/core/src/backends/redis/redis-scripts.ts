import { LockUsageError } from "../../contract/errors.ts";
import { show } from "../../contract/show.ts";
import { ioredisDriver } from "./drivers/ioredis.ts";
import type { IoredisClient } from "./drivers/ioredis-client.ts";
import { nodeRedisDriver } from "./drivers/node-redis.ts";
import type { NodeRedisClient } from "./drivers/node-redis-client.ts";
import { defineScript } from "./script.ts";
import { runScript } from "./script-runner.ts";

/** A client of either library, as the backends take it. */
export type RedisClient = IoredisClient | NodeRedisClient;

/** Runs a script whose answer is a list, and resolves with the list as texts. Errors of the client pass as they are. */
export type RunRedisScript = (keys: readonly string[], args: readonly string[]) => Promise<readonly string[]>;

/**
 * Lua scripts on the user's own client, for what an adapter stores in Redis beside its locks: by their hash, and
 * by their source where the server does not know them yet.
 * @throws LockUsageError when it is no client of ioredis or node-redis
 */
export function redisScripts(client: RedisClient): (name: string, source: string) => RunRedisScript {
  if (!isNodeRedis(client) && typeof Object(client).evalsha !== "function") {
    throw new LockUsageError(`a client of ioredis or node-redis is needed, got ${show(client)}`);
  }
  const driver = isNodeRedis(client) ? nodeRedisDriver(client) : ioredisDriver(client);
  return (name, source) => {
    const script = defineScript(name, source);
    return (keys, args) => runScript(driver, script, keys, args);
  };
}

function isNodeRedis(client: RedisClient): client is NodeRedisClient {
  return typeof Object(client).evalSha === "function";
}

import { LockUsageError } from "../../../contract/errors.ts";
import { isUnfit, showForBackend } from "../../../contract/show.ts";
import { addressOf, type RedisDriver } from "../driver.ts";
import type { NodeRedisClient } from "./node-redis-client.ts";
import { keyPrefixOf, nodeRedisClusterDriver, nodeRedisRunner } from "./node-redis-cluster.ts";
import { nodeRedisSentinelDriver } from "./node-redis-sentinel.ts";
import { openNodeRedisSubscriber } from "./node-redis-subscriber.ts";

/**
 * The driver for node-redis. The client is the user's: it is never closed, configured or extended here.
 * @throws LockUsageError
 */
export function nodeRedisDriver(client: NodeRedisClient): RedisDriver {
  if (typeof client?.evalSha !== "function" || isUnfit(client)) throw wrongClient(client);
  if ("nodeClient" in client) return nodeRedisClusterDriver(client);
  if ("getMasterNode" in client) return nodeRedisSentinelDriver(client);
  if (typeof client.duplicate !== "function") throw wrongClient(client);
  return {
    ...nodeRedisRunner(client),
    name: "node-redis",
    address: addressOf({ port: 6379, ...client.options?.socket }),
    deployment: "single",
    keyPrefix: keyPrefixOf(client),
    command: (words) => client.sendCommand([...words]),
    openSubscriber: (...how) => openNodeRedisSubscriber(client, ...how),
  };
}

function wrongClient(client: unknown): LockUsageError {
  return new LockUsageError(
    `nodeRedisBackend needs a node-redis client (createClient(), createCluster() or createSentinel()), got ${showForBackend(client)}`,
  );
}

import { LockUsageError } from "../../../contract/errors.ts";
import { isUnfit, showForBackend } from "../../../contract/show.ts";
import { addressOf, type RedisDriver } from "../driver.ts";
import type { IoredisClient } from "./ioredis-client.ts";
import { ioredisClusterDriver, ioredisRunner, openStream } from "./ioredis-cluster.ts";
import { openIoredisSubscriber } from "./ioredis-subscriber.ts";

/**
 * The driver for ioredis. The client is the user's: it is never closed, configured or extended here.
 * @throws LockUsageError
 */
export function ioredisDriver(client: IoredisClient): RedisDriver {
  const isClient = typeof client?.evalsha === "function" && typeof client.duplicate === "function";
  if (!isClient || isUnfit(client)) {
    throw new LockUsageError(
      `ioredisBackend needs an ioredis client (new Redis(url)), got ${showForBackend(client)}`,
    );
  }
  if (client.options?.monitor) {
    throw new LockUsageError("ioredisBackend needs a client that sends commands, got one with monitor: true");
  }
  if (client.isCluster) return ioredisClusterDriver(client);
  return {
    ...ioredisRunner(client),
    name: "ioredis",
    address: addressOf(client.options),
    deployment: "single",
    keyPrefix: client.options.keyPrefix ?? "",
    command: ([name, ...args]) => client.call(name, ...args),
    connections: () => openStream(client),
    openSubscriber: (...how) => openIoredisSubscriber(client, ...how),
  };
}

import { LockUsageError } from "../../../errors.ts";
import { showForBackend } from "../../../show.ts";
import { addressOf, type RedisDriver, type Subscriber, type SubscriberEars } from "../driver.ts";
import type { IoredisClient, IoredisSubscriber } from "./ioredis-client.ts";
import { ioredisClusterDriver, ioredisRunner } from "./ioredis-cluster.ts";

/**
 * The driver for ioredis. The client is the user's: it is never closed, configured or extended here.
 * @throws LockUsageError
 */
export function ioredisDriver(client: IoredisClient): RedisDriver {
  if (typeof client?.evalsha !== "function" || typeof client.duplicate !== "function") {
    throw new LockUsageError(
      `ioredisBackend needs an ioredis client (new Redis(url)), got ${showForBackend(client)}`,
    );
  }
  if (client.isCluster) return ioredisClusterDriver(client);
  return {
    ...ioredisRunner(client),
    name: "ioredis",
    address: addressOf(client.options),
    deployment: "single",
    keyPrefix: client.options.keyPrefix ?? "",
    command: ([name, ...args]) => client.call(name, ...args),
    // Subscribing again is done here: ioredis does it without a handler, so closing meanwhile would end the process.
    openSubscriber: async (ears) => listen(client.duplicate({ autoResubscribe: false } as never), ears),
  };
}

function listen(connection: IoredisSubscriber, ears: SubscriberEars): Subscriber {
  const channels = new Set<string>();
  connection.on("message", (_channel, text) => ears.message(String(text)));
  // Without a listener ioredis would print every lost connection.
  connection.on("error", () => undefined);
  connection.on("end", () => ears.ended());
  connection.on("ready", () => {
    if (channels.size === 0) return;
    connection.subscribe(...channels).then(
      () => ears.resumed(),
      () => undefined,
    );
  });
  return {
    subscribe: async (channel) => {
      await connection.subscribe(channel);
      channels.add(channel);
    },
    close: () => connection.disconnect(),
  };
}

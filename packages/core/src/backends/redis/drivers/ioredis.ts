import { LockUsageError } from "../../../errors.ts";
import { show } from "../../../show.ts";
import {
  addressOf,
  type ClientAddress,
  type RedisDriver,
  type Subscriber,
  type SubscriberEars,
} from "../driver.ts";

/** What is used of an ioredis client (5 or 6, `Redis` or `Cluster`); any object of this shape will do. */
export interface IoredisClient {
  readonly isCluster: boolean;
  readonly options: ClientAddress & { readonly keyPrefix?: string | undefined };
  evalsha(sha: string, numberOfKeys: number, ...keysAndArgs: string[]): Promise<unknown>;
  eval(script: string, numberOfKeys: number, ...keysAndArgs: string[]): Promise<unknown>;
  call(command: string, ...args: string[]): Promise<unknown>;
  duplicate(override?: never): IoredisSubscriber;
}

/** What is used of the connection that hears messages. */
export interface IoredisSubscriber {
  subscribe(...channels: string[]): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  disconnect(): void;
}

/**
 * The driver for ioredis. The client is the user's: it is never closed, configured or extended here.
 * @throws LockUsageError
 */
export function ioredisDriver(client: IoredisClient): RedisDriver {
  if (typeof client?.evalsha !== "function" || typeof client.duplicate !== "function") {
    throw new LockUsageError(`ioredisBackend needs an ioredis client (new Redis(url)), got ${show(client)}`);
  }
  return {
    name: "ioredis",
    address: addressOf(client.options),
    deployment: client.isCluster ? "cluster" : "single",
    keyPrefix: client.options.keyPrefix ?? "",
    evalsha: (sha, keys, args) => client.evalsha(sha, keys.length, ...keys, ...args),
    eval: (source, keys, args) => client.eval(source, keys.length, ...keys, ...args),
    command: ([name, ...args]) => client.call(name, ...args),
    openSubscriber: async (ears) => listen(duplicate(client), ears),
  };
}

function duplicate(client: IoredisClient): IoredisSubscriber {
  // Subscribing again is done here: ioredis does it without a handler, so closing meanwhile would end the process.
  // A Cluster takes other arguments, and keeps a subscriber of its own.
  return client.isCluster ? client.duplicate() : client.duplicate({ autoResubscribe: false } as never);
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

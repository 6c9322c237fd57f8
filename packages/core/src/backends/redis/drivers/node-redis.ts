import { LockUsageError } from "../../../errors.ts";
import { show } from "../../../show.ts";
import {
  addressOf,
  type ClientAddress,
  type RedisDriver,
  type Subscriber,
  type SubscriberEars,
} from "../driver.ts";

/** What is used of a node-redis client (`redis` 5 or 6); any object of this shape will do. */
export interface NodeRedisClient {
  readonly options?: { readonly socket?: ClientAddress | undefined } | undefined;
  evalSha(sha: string, options: NodeRedisEvalOptions): Promise<unknown>;
  eval(script: string, options: NodeRedisEvalOptions): Promise<unknown>;
  sendCommand(words: string[]): Promise<unknown>;
  duplicate(): NodeRedisSubscriber;
}

/** Keys and arguments of a script. */
export interface NodeRedisEvalOptions {
  keys: string[];
  arguments: string[];
}

/** What is used of the connection that hears messages. */
export interface NodeRedisSubscriber {
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => unknown): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  destroy(): void;
}

/**
 * The driver for node-redis. The client is the user's: it is never closed, configured or extended here.
 * @throws LockUsageError
 */
export function nodeRedisDriver(client: NodeRedisClient): RedisDriver {
  if (typeof client?.evalSha !== "function" || typeof client.duplicate !== "function") {
    throw new LockUsageError(
      `nodeRedisBackend needs a node-redis client (createClient()), got ${show(client)}`,
    );
  }
  return {
    name: "node-redis",
    address: addressOf({ port: 6379, ...client.options?.socket }),
    deployment: "single",
    keyPrefix: "",
    evalsha: (sha, keys, args) => client.evalSha(sha, { keys: [...keys], arguments: [...args] }),
    eval: (source, keys, args) => client.eval(source, { keys: [...keys], arguments: [...args] }),
    command: (words) => client.sendCommand([...words]),
    openSubscriber: (ears) => listen(client.duplicate(), ears),
  };
}

async function listen(connection: NodeRedisSubscriber, ears: SubscriberEars): Promise<Subscriber> {
  let ready = 0;
  // node-redis subscribes again by itself; without a listener a lost connection would end the process.
  connection.on("error", () => undefined);
  connection.on("end", () => ears.ended());
  connection.on("ready", () => {
    ready += 1;
    if (ready > 1) ears.resumed();
  });
  await connection.connect();
  return {
    subscribe: async (channel) => void (await connection.subscribe(channel, (text) => ears.message(text))),
    close: () => connection.destroy(),
  };
}

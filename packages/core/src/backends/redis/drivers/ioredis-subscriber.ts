import type { Subscriber, SubscriberEars } from "../driver.ts";
import type { IoredisDuplicable } from "./ioredis-client.ts";

/**
 * What the connection relies on, whatever the user's client says: that it connects when it is told to, tells its end at
 * once, and waits for messages for as long as it takes. Opening another one is done elsewhere.
 */
const OPTIONS = {
  lazyConnect: true,
  retryStrategy: null,
  sentinelRetryStrategy: null,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: true,
  enableReadyCheck: false,
  enableAutoPipelining: false,
  maxRetriesPerRequest: null,
  commandTimeout: undefined,
  socketTimeout: undefined,
  connectTimeout: 2_000,
  readOnly: false,
};

/** Opens a connection like that of an ioredis client, to hear channels on. */
export async function openIoredisSubscriber(
  client: IoredisDuplicable,
  ears: SubscriberEars,
  until: AbortSignal,
): Promise<Subscriber> {
  until.throwIfAborted();
  const connection = client.duplicate(OPTIONS as never);
  until.addEventListener("abort", () => connection.disconnect(), { once: true });
  connection.on("message", (_channel, text) => ears.message(String(text)));
  // Without a listener ioredis would print every lost connection.
  connection.on("error", () => undefined);
  connection.on("end", () => ears.ended());
  connection.on("connect", () => connection.stream?.unref());
  await connection.connect();
  return { subscribe: async (channel) => void (await connection.subscribe(channel)) };
}

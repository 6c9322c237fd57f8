import type { Subscriber, SubscriberEars } from "../driver.ts";
import type { NodeRedisSingle } from "./node-redis-client.ts";

/** Opens a connection like that of a node-redis client, to hear channels on. */
export async function openNodeRedisSubscriber(
  client: NodeRedisSingle,
  ears: SubscriberEars,
  until: AbortSignal,
): Promise<Subscriber> {
  until.throwIfAborted();
  const connection = client.duplicate(optionsOf(client) as never);
  const close = () => {
    // It throws where it has been closed.
    try {
      connection.destroy();
    } catch {}
  };
  until.addEventListener("abort", close, { once: true });
  // After an error it would not come back: it does not always say that it has ended.
  connection.on("error", () => {
    close();
    ears.ended();
  });
  connection.on("end", () => ears.ended());
  connection.unref?.();
  await connection.connect();
  return {
    subscribe: async (channel) => void (await connection.subscribe(channel, (text) => ears.message(text))),
  };
}

/**
 * What the connection relies on, whatever the user's client says: that it tells its end at once, and waits for messages
 * for as long as it takes. Opening another one is done elsewhere.
 */
function optionsOf({ options }: NodeRedisSingle) {
  return {
    disableOfflineQueue: false,
    commandsQueueMaxLength: undefined,
    pingInterval: undefined,
    clientSideCache: undefined,
    readonly: false,
    socket: { ...options?.socket, reconnectStrategy: false, socketTimeout: undefined, connectTimeout: 2_000 },
  };
}

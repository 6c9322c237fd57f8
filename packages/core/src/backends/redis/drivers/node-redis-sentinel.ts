import type { RedisDriver, Subscriber, SubscriberEars } from "../driver.ts";
import { asLostConnection } from "./lost-connection.ts";
import type { NodeRedisSentinel } from "./node-redis-client.ts";
import { keyPrefixOf, nodeRedisRunner } from "./node-redis-cluster.ts";
import { pause } from "./pause.ts";

/** The driver for a `createSentinel()` of node-redis. */
export function nodeRedisSentinelDriver(client: NodeRedisSentinel): RedisDriver {
  const run = nodeRedisRunner(client);
  const watch = <T>(call: Promise<T>) =>
    call.catch((error: unknown) => {
      throw asLostConnection(error, client.isOpen);
    });
  return {
    name: "node-redis",
    deployment: "single",
    keyPrefix: keyPrefixOf(client),
    evalsha: (...call) => watch(run.evalsha(...call)),
    eval: (...call) => watch(run.eval(...call)),
    command: (words) => watch(client.sendCommand(false, [...words])),
    openSubscriber: async (ears, until) => new SentinelSubscriber(client, ears, until),
  };
}

/** A gap may come of a failover, which takes a while; in milliseconds. */
const TRY_AGAIN = 100;

/**
 * Hears channels on the connection that the client keeps for messages, apart from the others, and moves from master to
 * master. It does not tell when messages may have been missed: only that something happened to one of its connections.
 */
class SentinelSubscriber implements Subscriber {
  readonly #channels = new Set<string>();
  readonly #message = (text: string) => this.ears.message(text);
  readonly #suspect = () => void this.#check();
  #checking = false;

  constructor(
    private readonly client: NodeRedisSentinel,
    private readonly ears: SubscriberEars,
    private readonly until: AbortSignal,
  ) {
    until.throwIfAborted();
    until.addEventListener("abort", () => this.#close(), { once: true });
    client.on("error", this.#suspect);
    client.on("topology-change", this.#suspect);
  }

  async subscribe(channel: string): Promise<void> {
    await this.client.subscribe(channel, this.#message);
    this.#channels.add(channel);
  }

  #close(): void {
    this.client.off("error", this.#suspect);
    this.client.off("topology-change", this.#suspect);
    for (const channel of this.#channels) {
      this.client.unsubscribe(channel, this.#message as never).catch(() => undefined);
    }
    this.ears.ended();
  }

  async #check(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    while (!this.until.aborted && !(await this.#isBack().catch(() => false))) await pause(TRY_AGAIN);
    this.#checking = false;
    if (!this.until.aborted) this.ears.resumed();
  }

  /** Resolves when all channels are heard, by whatever connection there is now. */
  async #isBack(): Promise<boolean> {
    for (const channel of this.#channels) {
      // Nothing is sent where it is subscribed to already; a channel more makes the server answer.
      await this.client.subscribe(channel, this.#message);
      const probe = `${channel}:probe`;
      await this.client.subscribe(probe, this.#message);
      await this.client.unsubscribe(probe, this.#message as never);
    }
    return true;
  }
}

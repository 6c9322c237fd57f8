import type { Clock } from "../../clock.ts";
import type { RedisDriver, Subscriber, SubscriberEars } from "./driver.ts";

/** After this long another attempt is made to open a subscriber that could not be opened. */
const SUBSCRIBE_AGAIN = 1_000;

/** The one connection of a backend that hears messages: opened when it is first needed. */
export class Subscription {
  readonly #channels = new Map<string, Promise<void>>();
  readonly #heard = new Set<string>();
  #subscriber: Promise<Subscriber> | undefined;

  constructor(
    private readonly driver: RedisDriver,
    private readonly clock: Clock,
    private readonly timeLimit: <T>(work: Promise<T>) => Promise<T>,
    private readonly ears: SubscriberEars,
  ) {}

  /** Whether messages on the channel reach us. */
  hears(channel: string): boolean {
    return this.#heard.has(channel);
  }

  /** Subscribes, once per channel; resolves also when that fails, since waiters then ask on a timer instead. */
  listen(channel: string): Promise<void> {
    let listening = this.#channels.get(channel);
    if (listening === undefined) {
      listening = this.#subscribe(channel);
      this.#channels.set(channel, listening);
    }
    return listening;
  }

  /** Closes the connection; `listen` opens another. */
  async close(): Promise<void> {
    const subscriber = this.#subscriber;
    this.#subscriber = undefined;
    this.#channels.clear();
    this.#heard.clear();
    await subscriber?.then(
      (open) => open.close(),
      () => undefined,
    );
  }

  async #subscribe(channel: string): Promise<void> {
    const opening = this.#subscriber ?? this.driver.openSubscriber(this.ears);
    this.#subscriber = opening;
    try {
      const subscriber = await this.timeLimit(opening);
      await this.timeLimit(subscriber.subscribe(channel));
      if (this.#subscriber === opening) this.#heard.add(channel);
    } catch {
      // Not an error of the caller's: without a subscriber its waiters are only slower.
      await this.close();
      opening.then((late) => late.close()).catch(() => undefined);
      const failed = Promise.resolve();
      this.#channels.set(channel, failed);
      this.clock.setTimer(() => {
        if (this.#channels.get(channel) === failed) this.#channels.delete(channel);
      }, SUBSCRIBE_AGAIN);
    }
  }
}

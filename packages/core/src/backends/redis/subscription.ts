import type { Clock } from "../../clock.ts";
import { LockBackendError } from "../../errors.ts";
import type { RedisDriver, Subscriber, SubscriberEars } from "./driver.ts";
import { backendError } from "./faults.ts";

/** After this long another attempt is made to open a subscriber that could not be opened. */
const SUBSCRIBE_AGAIN = 1_000;

/** The one connection of a backend that hears messages: opened when it is first needed. */
export class Subscription {
  readonly #channels = new Map<string, Promise<void>>();
  readonly #heard = new Set<string>();
  #subscriber: Promise<Subscriber> | undefined;
  #warned = false;

  constructor(
    private readonly driver: RedisDriver,
    private readonly clock: Clock,
    private readonly timeLimit: <T>(work: Promise<T>) => Promise<T>,
    private readonly ears: Omit<SubscriberEars, "ended">,
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

  #open(): Promise<Subscriber> {
    let opening: Promise<Subscriber> | undefined;
    opening = this.driver.openSubscriber({
      message: (text) => this.ears.message(text),
      resumed: () => this.ears.resumed(),
      // It will not come back by itself: whoever waits next opens another. Its successor must not suffer.
      ended: () => {
        if (this.#subscriber === opening) void this.close();
      },
    });
    return opening;
  }

  async #subscribe(channel: string): Promise<void> {
    const opening = this.#subscriber ?? this.#open();
    this.#subscriber = opening;
    try {
      const subscriber = await this.timeLimit(opening);
      await this.timeLimit(subscriber.subscribe(channel));
      if (this.#subscriber === opening) this.#heard.add(channel);
    } catch (error) {
      // It was closed while it opened: nobody is left who should hear.
      if (this.#subscriber !== opening) return;
      // Not an error of the caller's: without a subscriber its waiters are only slower. But somebody should know.
      this.#warn(channel, error);
      // Others may be heard on it: one channel that is not allowed must not make them deaf.
      if (this.#heard.size === 0) {
        await this.close();
        opening.then((late) => late.close()).catch(() => undefined);
      }
      const failed = Promise.resolve();
      this.#channels.set(channel, failed);
      this.clock.setTimer(() => {
        if (this.#channels.get(channel) === failed) this.#channels.delete(channel);
      }, SUBSCRIBE_AGAIN);
    }
  }

  /** Once: it will be tried, and fail, again and again. */
  #warn(channel: string, error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    const { message } = error instanceof LockBackendError ? error : backendError(error, undefined);
    process.emitWarning(
      `cannot hear hand-overs on ${channel}, so waiters ask once a second and may be overtaken: ${message}`,
      "LockWarning",
    );
  }
}

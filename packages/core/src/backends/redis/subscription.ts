import type { Clock, Timer } from "../../contract/clock.ts";
import { LockBackendError } from "../../contract/errors.ts";
import { warn } from "../../contract/host.ts";
import type { Subscriber, SubscriberEars } from "./driver.ts";
import { backendError } from "./faults.ts";
import { Probe } from "./probe.ts";
import { withDeadline } from "./script-runner.ts";

/** After so many connections in a row that heard nothing, while commands were answered, a warning says so. */
const MOST_DEAF = 20;
/** Pauses between them double, in milliseconds; they are longer when that was told. */
const FIRST_PAUSE = 25;
const LONGEST_PAUSE = 400;
const LONGEST_PAUSE_TOLD = 5_000;
/** A channel that was refused is tried again after so many milliseconds. */
const SUBSCRIBE_AGAIN = 1_000;

export interface SubscriptionOptions {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly requestTimeout: number;
  /** Opens a connection, until it is aborted. */
  open(ears: SubscriberEars, until: AbortSignal): Promise<Subscriber>;
  /** Publishes on the way that scripts take. */
  publish(channel: string, text: string): Promise<void>;
  /** When the server answered a command last, by the monotonic clock; undefined: never. */
  answeredAt(): number | undefined;
  /** How often to make sure that messages come in, in milliseconds; undefined where no waiter needs them. */
  pace(): number | undefined;
  message(text: string): void;
  /** Messages may have been missed, and come in from now on. */
  resumed(): void;
}

/** One connection that hears messages. */
interface Connection {
  readonly opening: Promise<Subscriber>;
  /** Closes it. */
  readonly end: AbortController;
  /** What came of each channel: resolves when that is known. */
  readonly channels: Map<string, Promise<void>>;
  /** When a channel was refused, by the monotonic clock. */
  readonly refused: Map<string, number>;
  /** How many are heard. */
  heard: number;
}

/**
 * The one connection of a backend that hears messages: opened when it is first needed, and again, elsewhere, whenever it
 * ends or turns out to hear nothing. It never keeps the process alive. Nothing depends on it: waiters ask anyway.
 */
export class Subscription {
  readonly #wanted = new Set<string>();
  readonly #probe: Probe;
  #connection: Connection | undefined;
  #reopening: Timer | undefined;
  /** Connections that were lost since the last message; and those of them that heard nothing while commands were answered. */
  #lostSince = 0;
  #deafSince = 0;
  /** When the last one of these was lost, by the monotonic clock. */
  #lostAt = 0;
  #warned = false;

  constructor(private readonly options: SubscriptionOptions) {
    this.#probe = new Probe({
      clock: options.clock,
      pace: options.pace,
      publish: options.publish,
      connection: () => (this.#connection?.heard ? this.#connection : undefined),
      missed: (connection) => this.#lost(connection, "deaf"),
      refused: (error) => this.#warn(`cannot tell waiters to ask: ${error.message}`),
    });
  }

  /** Hears a channel from now on. Resolves when it does, or cannot for now: then it is tried again, while there are waiters. */
  listen(channel: string): Promise<void> {
    this.#wanted.add(channel);
    if (this.#reopening !== undefined) return Promise.resolve();
    const connection = this.#connection ?? this.#open();
    return this.#hear(connection, channel);
  }

  /** Makes sure that messages come in on a channel of this process, which is heard. */
  watch(channel: string): void {
    void this.listen(channel);
    this.#probe.watch(channel);
  }

  /** Closes the connection; `listen` opens another. */
  close(): void {
    this.#connection?.end.abort();
    this.#connection = undefined;
    this.#reopening?.cancel();
    this.#reopening = undefined;
    this.#wanted.clear();
    this.#probe.stop();
  }

  #open(): Connection {
    const ears: SubscriberEars = {
      message: (text) => {
        if (this.#connection === connection) this.#lostSince = this.#deafSince = 0;
        if (!this.#probe.message(text)) this.options.message(text);
      },
      resumed: () => {
        if (this.#connection === connection) this.options.resumed();
      },
      ended: () => this.#lost(connection, undefined),
    };
    const end = new AbortController();
    const opening = this.options.open(ears, end.signal);
    const connection: Connection = { opening, end, channels: new Map(), refused: new Map(), heard: 0 };
    this.#connection = connection;
    for (const channel of this.#wanted) void this.#hear(connection, channel);
    return connection;
  }

  #hear(connection: Connection, channel: string): Promise<void> {
    const known = connection.channels.get(channel);
    const refusedAt = connection.refused.get(channel) ?? Number.POSITIVE_INFINITY;
    if (known !== undefined && this.#now < refusedAt + SUBSCRIBE_AGAIN) return known;
    connection.refused.delete(channel);
    const hearing = this.#subscribe(connection, channel);
    connection.channels.set(channel, hearing);
    return hearing;
  }

  async #subscribe(connection: Connection, channel: string): Promise<void> {
    try {
      const subscriber = await this.#inTime(connection.opening);
      await this.#inTime(subscriber.subscribe(channel));
    } catch (error) {
      this.#refused(connection, channel, error);
      return;
    }
    connection.heard += 1;
    if (connection === this.#connection) this.options.resumed();
  }

  /** A connection could not be opened, or a channel not be heard on it. */
  #refused(connection: Connection, channel: string, error: unknown): void {
    if (connection !== this.#connection) return;
    const fault = error instanceof LockBackendError ? error : backendError(error, undefined);
    if (!fault.retryable) this.#warn(`cannot hear messages on ${channel}: ${fault.message}`);
    // Others may be heard on it: one channel that is not allowed must not make them deaf.
    if (connection.heard === 0) this.#lost(connection, fault);
    else connection.refused.set(channel, this.#now);
  }

  /** Nothing more is to be expected of a connection: the next one may be better. */
  #lost(connection: object, fault: LockBackendError | "deaf" | undefined): void {
    const lost = this.#connection;
    if (lost === undefined || lost !== connection) return;
    this.#connection = undefined;
    lost.end.abort();
    this.#lostSince += 1;
    // While commands are not answered, too, nothing is wrong with the connection: the server is away.
    if (fault === "deaf" || (this.options.answeredAt() ?? 0) > this.#lostAt) this.#deafSince += 1;
    this.#lostAt = this.#now;
    const error = fault === "deaf" ? undefined : fault;
    const isHopeless = this.#deafSince >= MOST_DEAF || error?.retryable === false;
    if (isHopeless) {
      const why = error?.message ?? "what this process publishes does not reach it";
      this.#warn(`cannot hear messages, by ${this.#lostSince} connections: ${why}`);
    }
    const pause = Math.min(
      FIRST_PAUSE * 2 ** (this.#lostSince - 1),
      isHopeless ? LONGEST_PAUSE_TOLD : LONGEST_PAUSE,
    );
    this.#reopening = this.options.clock.setTimer(() => {
      this.#reopening = undefined;
      if (this.options.pace() !== undefined && this.#connection === undefined) this.#open();
    }, pause);
  }

  get #now(): number {
    return this.options.clock.now().mono;
  }

  /** Once: it will be tried, and fail, again and again. */
  #warn(what: string): void {
    if (this.#warned) return;
    this.#warned = true;
    warn(
      `${what}. Locks are as safe as ever, but waiters that are not told ask about twice a second, and hand-overs take so ` +
        "much longer",
      { type: "LockWarning" },
    );
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    const { clock, requestTimeout } = this.options;
    return withDeadline(clock, requestTimeout, undefined, work, false);
  }
}

import { type Clock, ranFor, type Timer } from "../../contract/clock.ts";
import { asBackendError, type LockBackendError } from "../../contract/errors.ts";

const MARK = "probe ";
/** A probe is missing when it has not come in so many milliseconds after its PUBLISH was answered, */
const PATIENCE = 150;
/** and so many times longer than that took. */
const SLOWER = 3;
/** Where it is not allowed to publish, it is tried again after so many milliseconds. */
const REFUSED = 30_000;
/** After a missing probe the next one follows soon: the connection that was opened since may be no better. */
const AGAIN = 100;

export interface ProbeOptions {
  readonly clock: Clock;
  /** How often to make sure that messages come in, in milliseconds; undefined where no waiter needs them. */
  pace(): number | undefined;
  /** Publishes on the way that scripts take. */
  publish(channel: string, text: string): Promise<void>;
  /** What messages should come in on now; undefined while there is nothing. */
  connection(): object | undefined;
  /** A probe did not come in on this connection. */
  missed(connection: object): void;
  /** The server does not let this process publish. */
  refused(error: LockBackendError): void;
}

/**
 * Makes sure that what is published where commands go is heard where this process listens: behind one name there may be
 * several nodes, nodes change their roles, and a connection may be half open. So this process sends itself a message, as
 * long as it has waiters and nothing else comes in.
 */
export class Probe {
  #channel = "";
  #timer: Timer | undefined;
  #armedFor = 0;
  #isProbing = false;
  /** A channel that may not be published on, and until when that is not tried again, by the monotonic clock. */
  #refused = { channel: "", until: 0 };
  /** Since the timer was set. */
  #hasHeard = false;
  #count = 0;
  #awaited: { readonly text: string; readonly resolve: (heard: boolean) => void } | undefined;

  constructor(private readonly options: ProbeOptions) {}

  /** Begins to look after a channel of this process, for as long as there is a pace. */
  watch(channel: string): void {
    this.#channel = channel;
    if (this.#isProbing) return;
    const pace = this.options.pace();
    if (pace === undefined || (this.#timer !== undefined && this.#armedFor <= pace)) return;
    this.#arm(pace);
  }

  /** A message came in; whether it was a probe. */
  message(text: string): boolean {
    this.#hasHeard = true;
    if (this.#awaited?.text === text) this.#awaited.resolve(true);
    return text.startsWith(MARK);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#awaited?.resolve(true);
  }

  #arm(ms: number): void {
    this.#timer?.cancel();
    this.#armedFor = ms;
    this.#hasHeard = false;
    this.#timer = this.options.clock.setTimer(() => void this.#tick(), ms);
  }

  async #tick(): Promise<void> {
    this.#timer = undefined;
    if (this.options.pace() === undefined) return;
    const connection = this.options.connection();
    let isMissing = false;
    if (!this.#hasHeard && connection !== undefined && !this.#isRefused) {
      this.#isProbing = true;
      isMissing = !(await this.#isHeard());
      this.#isProbing = false;
      if (isMissing) this.options.missed(connection);
    }
    const pace = this.options.pace();
    if (pace !== undefined) this.#arm(isMissing ? AGAIN : pace);
  }

  get #isRefused(): boolean {
    const { channel, until } = this.#refused;
    return channel === this.#channel && this.options.clock.now().mono < until;
  }

  /** True also where that cannot be found out: the commands' own connection may be lost. */
  async #isHeard(): Promise<boolean> {
    const { clock, publish, refused } = this.options;
    this.#count += 1;
    const text = `${MARK}${this.#count}`;
    const heard = new Promise<boolean>((resolve) => {
      this.#awaited = { text, resolve };
    });
    const asked = clock.now();
    try {
      await publish(this.#channel, text);
    } catch (fault) {
      const error = asBackendError(fault, this.#channel);
      // Otherwise the client was closed, or the fault passes.
      if (!error.retryable && !error.ambiguous) {
        this.#refused = { channel: this.#channel, until: clock.now().mono + REFUSED };
        refused(error);
      }
      return true;
    }
    const patience = PATIENCE + SLOWER * ranFor(asked, clock.now());
    // After a stall timers come first, although the probe may have come in: it is heard before this.
    const timer = clock.setTimer(() => clock.afterReads(() => this.#awaited?.resolve(false)), patience);
    const isHeard = await heard;
    timer.cancel();
    this.#awaited = undefined;
    return isHeard;
  }
}

import type { Clock } from "../contract/clock.ts";
import { type Alarm, type Alarms, NOT_SET } from "./alarms.ts";
import type { Wait } from "./options.ts";

/** The caller's time is over. */
export const TIME_OVER = Symbol("time over");

/** Works for a caller that waits. */
export interface Cancellable {
  /** The caller does not wait any more. */
  cancel(): void;
}

/** When it is, and what rings then: thousands who wait share few timers. */
export interface DeadlineContext {
  readonly clock: Clock;
  /** They keep the process alive. */
  readonly deadlines: Alarms<Deadline>;
}

/** How long one caller is ready to wait, and whether it still wants to. */
export class Deadline implements Alarm {
  slot = NOT_SET;
  #work: Cancellable | undefined;
  #interrupted: { readonly reason: unknown } | undefined;

  constructor(
    private readonly context: DeadlineContext,
    private readonly wait: Wait,
    private readonly signal: AbortSignal | undefined,
    /** By the monotonic clock: a wait may be longer by the time of a suspension, which harms no caller. */
    readonly begun: number = context.clock.now().mono,
  ) {}

  /** Milliseconds since the caller came. */
  get waited(): number {
    return this.context.clock.now().mono - this.begun;
  }

  /** Milliseconds that are left. */
  get left(): number {
    return this.wait === "forever" ? Number.POSITIVE_INFINITY : this.wait - this.waited;
  }

  /** Whether it surely ends later than work that settles within `bound` milliseconds: then the work needs no timer. */
  outlasts(bound: number): boolean {
    return this.signal === undefined && this.left > bound;
  }

  /** Ends the waiting from outside, with what the caller's promise shall reject with. */
  interrupt(reason: unknown): void {
    this.#interrupted ??= { reason };
    this.#work?.cancel();
  }

  /** Why the caller gave up, if it did. */
  get interrupted(): { readonly reason: unknown } | undefined {
    const { signal } = this;
    return this.#interrupted ?? (signal?.aborted ? { reason: signal.reason } : undefined);
  }

  /** Cancels the work, once, when the caller's time ends or it gives up; until `unwatch`. */
  watch(work: Cancellable): void {
    const { signal } = this;
    this.#work = work;
    if (signal !== undefined) hear(signal, this);
    this.#setAlarm();
  }

  ring(): void {
    if (this.left > 0) this.#setAlarm();
    else this.#work?.cancel();
  }

  #setAlarm(): void {
    if (this.wait === "forever") return;
    const { waited } = this;
    this.context.deadlines.set(this, Math.max(0, this.wait - waited), this.begun + waited);
  }

  /** Does nothing where another one is watched by now. */
  unwatch(work: Cancellable): void {
    if (this.#work !== work) return;
    this.context.deadlines.cancel(this);
    this.#work = undefined;
    if (this.signal !== undefined) unhear(this.signal, this);
  }

  /** The signal was aborted. */
  aborted(): void {
    this.#work?.cancel();
  }

  /**
   * Settles as `work` does, as TIME_OVER when the caller's time ends first, or rejects with the reason when
   * the caller gives up. Work that settles within `bound` milliseconds by itself is not worth a timer.
   */
  until<T>(work: Promise<T>, bound = Number.POSITIVE_INFINITY): Promise<T | typeof TIME_OVER> {
    const over = this.interrupted;
    if (over !== undefined) {
      // The caller does not wait for the work any more: its failure must not become an unhandled rejection.
      work.catch(() => undefined);
      return Promise.reject(over.reason);
    }
    if (this.outlasts(bound)) return work;
    return new Promise((resolve, reject) => {
      const waiting: Cancellable = {
        cancel: () => {
          const { interrupted } = this;
          this.unwatch(waiting);
          // After a stall timers come first, although the answer may have arrived: it is heard before this.
          if (interrupted === undefined) this.context.clock.afterReads(() => resolve(TIME_OVER));
          else reject(interrupted.reason);
        },
      };
      this.watch(waiting);
      work.finally(() => this.unwatch(waiting)).then(resolve, reject);
    });
  }
}

/** The waits that each signal ends. They share one listener, since Node takes more than ten for a leak. */
const hearers = new WeakMap<AbortSignal, SignalHearers>();

class SignalHearers {
  readonly all = new Set<Deadline>();

  handleEvent(): void {
    for (const deadline of [...this.all]) deadline.aborted();
  }
}

function hear(signal: AbortSignal, deadline: Deadline): void {
  const known = hearers.get(signal);
  const those = known ?? new SignalHearers();
  if (known === undefined) hearers.set(signal, those);
  if (those.all.size === 0) signal.addEventListener("abort", those);
  those.all.add(deadline);
}

function unhear(signal: AbortSignal, deadline: Deadline): void {
  const those = hearers.get(signal);
  if (those?.all.delete(deadline) && those.all.size === 0) signal.removeEventListener("abort", those);
}

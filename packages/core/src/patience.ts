import { type Clock, elapsed, type Instant } from "./clock.ts";
import type { Wait } from "./options.ts";

/** The caller's time is over. */
export const TIME_OVER = Symbol("time over");

/** How long one caller is ready to wait, and whether it still wants to. */
export class Patience {
  readonly #start: Instant;
  #interrupt: ((reason: unknown) => void) | undefined;
  #interrupted: { readonly reason: unknown } | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly wait: Wait,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.#start = clock.now();
  }

  /** Milliseconds since the caller came. */
  get waited(): number {
    return elapsed(this.#start, this.clock.now());
  }

  /** Milliseconds that are left. */
  get left(): number {
    return this.wait === "forever" ? Number.POSITIVE_INFINITY : this.wait - this.waited;
  }

  /** Ends the waiting from outside, with what the caller's promise shall reject with. */
  interrupt(reason: unknown): void {
    this.#interrupted ??= { reason };
    this.#interrupt?.(reason);
  }

  /**
   * Settles as `work` does, as TIME_OVER when the caller's time ends first, or rejects with the reason when
   * the caller gives up. Work that settles within `bound` milliseconds by itself is not worth a timer.
   */
  until<T>(work: Promise<T>, bound = Number.POSITIVE_INFINITY): Promise<T | typeof TIME_OVER> {
    const { signal, left } = this;
    const over = this.#interrupted ?? (signal?.aborted ? { reason: signal.reason } : undefined);
    if (over !== undefined) {
      // Nobody waits for the work any more: its failure must not become an unhandled rejection.
      work.catch(() => undefined);
      return Promise.reject(over.reason);
    }
    if (signal === undefined && left > bound) return work;
    return new Promise((resolve, reject) => {
      const timer =
        left > bound || left === Number.POSITIVE_INFINITY
          ? undefined
          : this.clock.setTimer(() => finish(() => resolve(TIME_OVER)), Math.max(0, left), true);
      const onAbort = () => finish(() => reject(signal?.reason));
      const finish = (settle: () => void) => {
        timer?.cancel();
        signal?.removeEventListener("abort", onAbort);
        this.#interrupt = undefined;
        settle();
      };
      this.#interrupt = (reason) => finish(() => reject(reason));
      signal?.addEventListener("abort", onAbort);
      work.then(
        (value) => finish(() => resolve(value)),
        (error) => finish(() => reject(error)),
      );
    });
  }
}

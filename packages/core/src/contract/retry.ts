import { type Clock, type Instant, ranFor } from "./clock.ts";
import { asBackendError } from "./errors.ts";
import type { Stop } from "./stop.ts";
import { pauseToRetry } from "./validity.ts";

/** For how long something is tried again. */
export interface RetryLimit {
  /** The user's key, for errors. */
  readonly key: string;
  /** Whether the process stays alive for the next try. */
  readonly keepAlive: boolean;
  /** When the first try began. Default: now. */
  readonly since?: Instant;
  /** Whether to give up, so many milliseconds after the first try began. */
  isOver(waited: number): boolean;
  /** Tries again whatever the fault. Default: only where that may help. */
  readonly anyFault?: boolean;
  /** Ends it, too, at the next fault. */
  readonly stop?: Stop | undefined;
}

/** Tries again and again while that may help. @throws the fault that it gave up with */
export async function retry<T>(
  clock: Clock,
  { key, keepAlive, isOver, anyFault = false, stop, since = clock.now() }: RetryLimit,
  work: () => Promise<T>,
): Promise<T> {
  for (let faults = 0; ; faults++) {
    try {
      return await work();
    } catch (fault) {
      const mayHelp = anyFault || asBackendError(fault, key).retryable;
      if (!mayHelp || isOver(ranFor(since, clock.now())) || stop?.isOver) throw fault;
      await pauseToRetry(clock, faults, keepAlive, { stop });
      if (stop?.isOver) throw fault;
    }
  }
}

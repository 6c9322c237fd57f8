import type { Granted, ReleaseOutcome, ReleaseTerms } from "../contract/backend.ts";
import type { Instant } from "../contract/clock.ts";
import type { Kept, Sharers } from "./kept.ts";
import type { Renewal } from "./renewal.ts";

/** Those to whom the process itself passes a lease on: see `Relay`. */
export interface Successors extends Sharers {
  readonly areWaiting: boolean;
  /** The fencing tokens that a release gives back. */
  readonly unused: ReleaseTerms["fences"];
  /** What keeps the lease, which is granted by now. */
  keep(lease: Kept, granted: Granted): Renewal;
  /**
   * The lease was released by its holder, who believed in it at `now`: grants it to the next one, at once where that is safe.
   * Before that it tells whether the lease was there to be released.
   */
  next(now: Instant, released: (outcome: ReleaseOutcome) => void): void;
  /** The lease is not theirs to get any more: they go back to the queue. */
  end(): void;
  /** Does it when what `end` has asked for has left. */
  afterEnd<T>(work: () => Promise<T>): Promise<T>;
}

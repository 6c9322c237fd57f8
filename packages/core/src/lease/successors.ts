import type { Granted, ReleaseTerms } from "../contract/backend.ts";
import type { Kept, Sharers } from "./kept.ts";
import type { Renewal } from "./renewal.ts";

/** Those to whom the process itself passes a lease on: see `Relay`. */
export interface Successors extends Sharers {
  readonly areWaiting: boolean;
  /** The fencing tokens that a release gives back. */
  readonly unused: ReleaseTerms["fences"];
  /** What keeps the lease, which is granted by now. */
  keep(lease: Kept, granted: Granted): Renewal;
  /** The lease was released by its holder, for whom it still stood. */
  next(): void;
  /** The lease is not theirs to get any more: they go back to the queue. */
  end(): void;
}

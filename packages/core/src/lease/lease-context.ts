import type { RenewalContext } from "./kept.ts";
import type { TrackedRequest } from "./tracked-request.ts";
import type { UnderWay } from "./under-way.ts";

/** What a lease needs from the `locks` that made it. */
export interface LeaseContext extends RenewalContext {
  readonly underWay: UnderWay;
  /** @throws LockUsageError */
  checkTtl(ttl: number): void;
  /** Frees what is held in the background, once that is possible: no caller waits for it. */
  cancel(held: TrackedRequest): void;
  /** A release has failed, and may be tried again. */
  faulted(fault: unknown): void;
  /** Runs work in the background that no caller waits for. */
  undo(held: TrackedRequest, work: Promise<unknown>): void;
}

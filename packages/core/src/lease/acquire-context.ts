import type { Granted, LockBackend, Votes } from "../contract/backend.ts";
import type { SeenHolder } from "../contract/errors.ts";
import type { Deadline } from "./deadline.ts";
import type { HeldLease } from "./held-lease.ts";
import type { LeaseTerms } from "./terms.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** What the loop needs from its surroundings; one for all acquires. */
export interface AcquireContext {
  readonly backend: LockBackend;
  /** Makes the lease of what was granted. */
  lease(request: TrackedRequest, granted: Granted, deadline: Deadline, terms: LeaseTerms): HeldLease;
  /** Whether leases are still wanted. */
  isOpen(): boolean;
  /** The acquire was not granted at once: from now on its caller waits. */
  waits(deadline: Deadline): void;
  /** The acquire has ended, in whatever way. */
  ended(deadline: Deadline): void;
  /** The acquire has ended, in whatever way. */
  failed(request: TrackedRequest, deadline: Deadline, error: unknown): void;
  /** Told once, when a key is found busy. */
  contended(request: TrackedRequest, holder: SeenHolder | undefined): void;
  /** Told once, when it begins to wait. */
  waiting(request: TrackedRequest, holder: SeenHolder | undefined): void;
  /** Told after every attempt on a quorum. */
  voted(request: TrackedRequest, votes: Votes): void;
  /** Others name another number of permits: may be said after every attempt. */
  permitsDiffer(request: TrackedRequest, others: number): void;
  /** Cancels the request in the background, until that was heard: it must never delay the caller. */
  cancel(request: TrackedRequest, unanswered: boolean): void;
  /** Whether a grant that did not count may be followed by another one, of another owner token. */
  readonly renewsTokens: boolean;
  /** Watches over a release that no caller waits for. */
  undo(request: TrackedRequest, releasing: Promise<unknown>): void;
}

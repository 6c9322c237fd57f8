import type { Granted, LockBackend, Votes } from "../contract/backend.ts";
import type { SeenHolder } from "../contract/errors.ts";
import type { Crowd } from "./crowd.ts";
import type { Deadline } from "./deadline.ts";
import type { HeldLease } from "./held-lease.ts";
import type { LeaseTerms } from "./options.ts";
import type { Successors } from "./successors.ts";
import type { TrackedRequest } from "./tracked-request.ts";
import type { UnderWay } from "./under-way.ts";

/** Something that callers wait for. */
export interface Interruptible {
  /** Ends the waiting; the callers' promises reject with the reason. */
  interrupt(reason: unknown): void;
}

/** What acquires need from their surroundings; one for all of them. */
export interface AcquireContext {
  readonly backend: LockBackend;
  readonly crowd: Crowd;
  /** Of work that no caller waits for, and that `close` does. */
  readonly underWay: UnderWay;
  /** Makes the lease of what was granted. @throws LockUsageError where nobody may have it any more: it is given back then */
  lease(
    request: TrackedRequest,
    granted: Granted,
    deadline: Deadline,
    terms: LeaseTerms,
    successors?: Successors,
  ): HeldLease;
  /** Whether leases are still wanted. */
  isOpen(): boolean;
  /** From now on callers wait for it, until `settled`. */
  waits(waiting: Interruptible): void;
  settled(waiting: Interruptible): void;
  /** One acquire has ended, in whatever way. */
  ended(): void;
  /** It has ended with an error. */
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

import type { LockBackend, NewHolder, Renewed } from "../contract/backend.ts";
import type { LockBackendError, LostReason } from "../contract/errors.ts";
import type { Alarm, Alarms } from "./alarms.ts";
import type { Events } from "./events.ts";
import type { LeaseTerms } from "./options.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** Those of this process who have the same owner token, and get the lease one after the other. */
export interface Sharers {
  /** What an extend tells others of the holder, and reserves for who comes next. */
  newHolder(fence: number | undefined, heldFor: number): NewHolder;
  /** The fencing tokens that an extend reserved. */
  reserved(fences: Renewed["fences"]): void;
}

/** The lease that is kept. */
export interface Kept extends AsyncDisposable {
  readonly context: RenewalContext;
  readonly held: TrackedRequest;
  readonly fencingToken: number;
  readonly terms: LeaseTerms;
  readonly successors?: Sharers | undefined;
  readonly isHeld: boolean;
  /** It is over. */
  lose(reason: LostReason, loss: Loss): void;
}

/** How a lease was lost. */
export interface Loss {
  readonly because?: string;
  /** What the last extend failed with. */
  readonly fault?: LockBackendError | undefined;
  /** The server may keep keys of it for longer than it may be believed. */
  readonly mayStand: boolean;
}

/** What rings for a lease that is kept. */
export interface KeepingAlarm extends Alarm {
  readonly lease: Kept;
  /** Asks the server whether it was taken by force; what is left of it stays as it is. */
  look(): Promise<void>;
}

/** What a renewal needs from its surroundings; one for all leases. */
export interface RenewalContext {
  readonly backend: LockBackend;
  readonly events: Events;
  readonly alarms: Alarms<KeepingAlarm>;
}

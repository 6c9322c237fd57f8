import type { ReleaseOutcome } from "./backend.ts";
import type { LockBackendError, LostReason, QuorumVote, SeenHolder } from "./errors.ts";
import { checkListener } from "./option-names.ts";
import { withoutSecrets } from "./redaction.ts";

/** What `locks.on` tells, by event name. Durations are milliseconds; several keys are told as "a, b". */
export interface LockEvents {
  /** A lease was granted, after `waited`. */
  acquired: { readonly key: string; readonly fencingToken: number; readonly waited: number };
  /** An acquire found the key busy for the first time. */
  contended: { readonly key: string; readonly holder: SeenHolder | undefined };
  /** An acquire that does not wait found the key busy: `tryAcquire` resolved with null, or `acquire` rejected. */
  refused: { readonly key: string; readonly holder: SeenHolder | undefined };
  /** The key stayed busy for as long as the caller was ready to wait. */
  timedOut: { readonly key: string; readonly waited: number; readonly holder: SeenHolder | undefined };
  /** The caller's signal was aborted, or the locks were closed, before the key was granted. */
  aborted: { readonly key: string; readonly waited: number; readonly reason: unknown };
  /** The backend failed for as long as the caller was ready to wait, or in a way that does not pass. */
  failed: { readonly key: string; readonly waited: number; readonly error: LockBackendError };
  /** A lease was extended and is valid for `validFor`. */
  extended: { readonly key: string; readonly fencingToken: number; readonly validFor: number };
  /** A lease could not be extended this time; it stands until its validity ends, and is tried again. */
  extendFailed: { readonly key: string; readonly fencingToken: number; readonly error: LockBackendError };
  /** A lease may no longer be believed. */
  lost: { readonly key: string; readonly fencingToken: number; readonly reason: LostReason };
  /** A lease was released by its holder, who had it for `held`. */
  released: {
    readonly key: string;
    readonly fencingToken: number;
    readonly outcome: ReleaseOutcome;
    readonly held: number;
  };
  /** A lease was given away by `toTicket`, after `held`. */
  handedOver: { readonly key: string; readonly fencingToken: number; readonly held: number };
  /** Others use the same key with another number of permits, or a pool with another size: the smaller one rules. */
  permitsMismatch: { readonly key: string; readonly permits: number; readonly others: number };
  /** The nodes of a quorum were asked for a key: told when all have answered or are out of time. */
  voted: { readonly key: string; readonly votes: readonly QuorumVote[] };
  /** A fault that no caller can be told: an undo or a scoped release that failed. The ttl ends what is left. */
  backendError: {
    readonly key: string;
    readonly operation: "withdraw" | "release";
    readonly error: LockBackendError;
  };
}

export type LockEventName = keyof LockEvents;
export type LockListener<Name extends LockEventName> = (event: LockEvents[Name]) => void;

const EVENTS: readonly LockEventName[] = [
  "acquired",
  "contended",
  "refused",
  "timedOut",
  "aborted",
  "failed",
  "extended",
  "extendFailed",
  "lost",
  "released",
  "handedOver",
  "permitsMismatch",
  "voted",
  "backendError",
];

/** A typed emitter: listeners never disturb the lock that they hear of. */
export class Events {
  readonly #listeners = new Map<LockEventName, Set<(event: never) => void>>();

  /** @throws LockUsageError for an event that there is not, and for what is no function */
  on<Name extends LockEventName>(name: Name, listener: LockListener<Name>): () => void {
    checkListener(name, listener, EVENTS);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** Whether anybody listens. */
  hears(name: LockEventName): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  emit<Name extends LockEventName>(name: Name, event: LockEvents[Name]): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) return;
    for (const listener of listeners) tell(listener as LockListener<Name>, event);
  }
}

/** A listener's mistake must be seen, but it must not break the lease or crash the process, also when it comes later. */
export function tell<Event>(listener: (event: Event) => unknown, event: Event): void {
  try {
    const heard = listener(event);
    if (heard instanceof Promise) heard.catch(warn);
  } catch (error) {
    warn(error);
  }
}

function warn(error: unknown): void {
  process.emitWarning(withoutSecrets(error));
}

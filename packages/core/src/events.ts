import type { ReleaseOutcome } from "./backend.ts";
import type { LockBackendError, LostReason, QuorumVote, SeenHolder } from "./errors.ts";
import { withoutSecrets } from "./redaction.ts";

/** What `locks.on` tells, by event name. Durations are milliseconds; several keys are told as "a, b". */
export interface LockEvents {
  /** A lease was granted, after `waited`. */
  acquired: { readonly key: string; readonly fencingToken: number; readonly waited: number };
  /** An acquire found the key busy for the first time. */
  contended: { readonly key: string; readonly holder: SeenHolder | undefined };
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

/** A typed emitter: listeners never disturb the lock that they hear of. */
export class Events {
  readonly #listeners = new Map<LockEventName, Set<(event: never) => void>>();

  on<Name extends LockEventName>(name: Name, listener: LockListener<Name>): () => void {
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

/** A listener's mistake must be seen, but it must not break the lease or crash the process. */
export function tell<Event>(listener: (event: Event) => void, event: Event): void {
  try {
    listener(event);
  } catch (error) {
    process.emitWarning(withoutSecrets(error));
  }
}

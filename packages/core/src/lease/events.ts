import type { ReleaseOutcome } from "../contract/backend.ts";
import type { LockBackendError, LostReason, QuorumVote, SeenHolder } from "../contract/errors.ts";
import { warn } from "../contract/host.ts";
import { type Keys, showKeys } from "../contract/key.ts";
import type { LockMode } from "../contract/mode.ts";
import { checkListener } from "../contract/option-names.ts";
import { withoutSecrets } from "../contract/redaction.ts";
import type { Wait } from "./options.ts";
import type { TicketContext } from "./ticket.ts";

/** What every event says of the acquire, or the lease, that it is about. */
export interface EventSubject {
  /** The same for one acquire and its lease: a number that no other acquire of these locks has. */
  readonly id: number;
  /** The key as the user wrote it; several keys are told as "a, b". */
  readonly key: string;
  /** Of a pool: "permits". */
  readonly mode: LockMode["kind"];
}

/** What `locks.on` tells, by event name. Durations are milliseconds. */
export interface LockEvents {
  /** An acquire begins. Told within the call of `acquire`, `tryAcquire` or `using`, so in the context of their caller. */
  acquiring: EventSubject & { readonly wait: Wait; readonly backend: string };
  /** A lease was granted, or adopted, after `waited`. `context`: what the ticket of an adopted lease carried. */
  acquired: EventSubject & {
    readonly backend: string;
    readonly fencingToken: number;
    readonly waited: number;
    readonly context?: TicketContext | undefined;
  };
  /** An acquire found the key busy for the first time; of several keys that are taken in order, each for itself. */
  contended: EventSubject & { readonly holder: SeenHolder | undefined };
  /** An acquire begins to wait; of several keys that are taken in order, for each for itself. */
  waiting: EventSubject & { readonly holder: SeenHolder | undefined };
  /**
   * An acquire that does not wait found the key busy: `tryAcquire` resolved with null, or `acquire` rejected. Also where
   * as many wait already as `maxWaiters` allows.
   */
  refused: EventSubject & { readonly holder: SeenHolder | undefined };
  /** The key stayed busy for as long as the caller was ready to wait. */
  timedOut: EventSubject & { readonly waited: number; readonly holder: SeenHolder | undefined };
  /** The caller's signal was aborted, or the locks were closed, before the key was granted. */
  aborted: EventSubject & { readonly waited: number; readonly reason: unknown };
  /** The backend failed for as long as the caller was ready to wait, or in a way that does not pass. */
  failed: EventSubject & { readonly waited: number; readonly error: LockBackendError };
  /** A lease was extended and is valid for `validFor`. */
  extended: EventSubject & { readonly fencingToken: number; readonly validFor: number };
  /** A lease could not be extended this time; it stands until its validity ends, and is tried again. */
  extendFailed: EventSubject & { readonly fencingToken: number; readonly error: LockBackendError };
  /** A lease may no longer be believed, after `held`. */
  lost: EventSubject & { readonly fencingToken: number; readonly reason: LostReason; readonly held: number };
  /** A lease was released by its holder, who had it for `held`. */
  released: EventSubject & {
    readonly fencingToken: number;
    readonly outcome: ReleaseOutcome;
    readonly held: number;
  };
  /** A lease was given away by `toTicket`, after `held`. */
  handedOver: EventSubject & { readonly fencingToken: number; readonly held: number };
  /** Others use the same key with another number of permits, or a pool with another size: the smaller one rules. */
  permitsMismatch: EventSubject & { readonly permits: number; readonly others: number };
  /** The nodes of a quorum were asked for a key: told when all have answered or are out of time. */
  voted: EventSubject & { readonly votes: readonly QuorumVote[] };
  /** A fault that no caller can be told: an undo or a scoped release that failed. The ttl ends what is left. */
  backendError: EventSubject & {
    readonly operation: "cancel" | "release";
    readonly error: LockBackendError;
  };
}

/** What an event says beside its subject. */
type Facts<Name extends LockEventName> = Omit<LockEvents[Name], keyof EventSubject>;

/** An acquire, or what came of it, as events name it. */
export interface Tracked {
  readonly id: number;
  readonly keys: Keys;
  readonly mode: LockMode;
}

export type LockEventName = keyof LockEvents;
export type LockListener<Name extends LockEventName> = (event: LockEvents[Name]) => void;

const EVENTS: readonly LockEventName[] = [
  "acquiring",
  "acquired",
  "contended",
  "waiting",
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
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(name) === listeners) this.#listeners.delete(name);
    };
  }

  /** Whether anybody listens. Where an event comes with every lease, what it says is made only then. */
  hears(name: LockEventName): boolean {
    return this.#listeners.has(name);
  }

  emit<Name extends LockEventName>(name: Name, { id, keys, mode }: Tracked, facts: Facts<Name>): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) return;
    const event = { id, key: showKeys(keys), mode: mode.kind, ...facts };
    for (const listener of listeners) tell(listener as (event: object) => void, event);
  }
}

/** A listener's mistake must be seen, but it must not break the lease or crash the process, also when it comes later. */
export function tell<Event>(listener: (event: Event) => unknown, event: Event): void {
  try {
    const heard = listener(event);
    if (heard instanceof Promise) heard.catch(warnOf);
  } catch (error) {
    warnOf(error);
  }
}

function warnOf(error: unknown): void {
  warn(withoutSecrets(error));
}

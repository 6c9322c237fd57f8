import type { LeaseTicket, TicketOptions } from "./ticket.ts";

/** What came of a release. `handedOver`: nothing was done, since a ticket gave the lease to somebody else. */
export type ReleaseResult = "released" | "expired" | "handedOver";

/**
 * One grant: what its holder may believe, and until when.
 * @example
 * await using lease = await locks.acquire("order:42");
 * await fetch(url, { signal: lease.signal }); // ends with the lease
 * lease.assertHeld(); // throws when it may not be believed any more
 * await db.query("UPDATE orders SET paid = true, fence = $1 WHERE id = 42 AND fence < $1", [lease.fencingToken]);
 */
export interface Lease extends AsyncDisposable {
  /** Sorted, without repetition. */
  readonly keys: readonly string[];
  /** The owner token: random, unguessable, only its owner can extend or release. Do not log it. */
  readonly token: string;
  /**
   * Grows with every grant of the keys: send it with each write, and let the resource refuse a smaller one. A
   * lease for reading has the one of the last writer.
   */
  readonly fencingToken: number;
  /** Aborts with a `LockLostError` as soon as the lease is lost, at the latest when its validity ends. */
  readonly signal: AbortSignal;
  /** Milliseconds for which the lease may still be believed, computed now; 0 when it is lost or released. */
  readonly validFor: number;
  /** @throws LockLostError when the lease may not be believed any more, or was released */
  assertHeld(): void;
  /**
   * Prolongs the lease to at least `ttl` milliseconds from now (default: the ttl it was acquired with); never
   * shortens it. Later renewals use the same ttl.
   * @throws LockLostError, LockUsageError, or LockBackendError: the lease then stands until its validity ends
   */
  extend(ttl?: number): Promise<void>;
  /**
   * Frees the keys. Idempotent: a second call tells what became of the first, and tries again where that failed.
   * "expired": they were not ours any more, which is no error here.
   * @throws LockBackendError when the backend cannot be reached; the lease then ends with its ttl
   */
  release(): Promise<ReleaseResult>;
  /**
   * Gives the lease away, as plain JSON: whoever passes it to `locks.adopt` holds it from then on. This lease is
   * inert at once: it is not renewed, not believed, and `release` answers "handedOver". The ticket is worth the
   * lease: keep it secret, and adopt it before the ttl ends.
   * @throws LockLostError when there is nothing to give, LockUsageError for wrong options
   */
  toTicket(options?: TicketOptions): LeaseTicket;
}

/** A lease of one slot of a pool. */
export interface PoolLease extends Lease {
  /** The slot that is held, from 1. */
  readonly slot: number;
}

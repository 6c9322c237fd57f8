import { BRAND, withoutSecrets } from "./redaction.ts";
import { asUnexplained, isUnexplained } from "./unexplained.ts";

/** The stable `code` of every error class. */
export type LockErrorCode =
  | "LOCK_TIMEOUT"
  | "LOCK_OVERLOADED"
  | "LOCK_LOST"
  | "LOCK_BACKEND"
  | "LOCK_QUORUM"
  | "LOCK_USAGE";

/** User text in a message: quoted, and with control characters escaped for the terminal. */
const quote = (text: string): string => JSON.stringify(text);

/** What every error of this library has. */
export interface LockErrorOptions {
  /** The key as the user wrote it; absent where no key is involved. */
  readonly key?: string | undefined;
  /** What it came of. The error keeps a copy of it without credentials and command arguments. */
  readonly cause?: unknown;
}

/** The base of every error that this library throws. */
export abstract class LockError extends Error {
  abstract readonly code: LockErrorCode;
  /** The key as the user wrote it; undefined where no key is involved. */
  readonly key: string | undefined;

  constructor(message: string, options: LockErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: withoutSecrets(options.cause) });
    this.key = options.key;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Who was seen holding a key. */
export interface SeenHolder {
  /** The holder's name: `LocksOptions.holder` of the process that holds it, or undefined for a foreign value. */
  readonly holder: string | undefined;
  /** Milliseconds until it ends unless it is extended; undefined when it has no end. */
  readonly remaining: number | undefined;
}

/** The key stayed busy for as long as the caller was ready to wait. */
export class LockTimeoutError extends LockError {
  override readonly name = "LockTimeoutError";
  readonly code = "LOCK_TIMEOUT";
  /** Milliseconds waited. */
  readonly waited: number;
  /** Who held the key when last asked, if that was seen. */
  readonly holder: SeenHolder | undefined;

  /** `what` names what was waited for, where the key alone does not. */
  constructor(key: string, waited: number, holder: SeenHolder | undefined, what = quote(key)) {
    const who = holder?.holder === undefined ? "a program that is not this library" : quote(holder.holder);
    const seen = holder === undefined ? "" : `; held by ${who}`;
    super(`${what} was still busy after ${Math.round(waited)} ms${seen}`, { key });
    this.waited = waited;
    this.holder = holder;
  }
}

/** So many callers of this process wait for the key already that one more is refused. It may be asked for again later. */
export class LockOverloadedError extends LockError {
  override readonly name = "LockOverloadedError";
  readonly code = "LOCK_OVERLOADED";
  readonly retryable = true;

  constructor(key: string, limit: number) {
    super(
      `${limit} callers of this process wait for ${quote(key)}, as many as maxWaiters allows: ask again later`,
      { key },
    );
  }
}

/**
 * Why a lease was lost.
 * - `expired`: it ended; it was not renewed, or the server no longer has it
 * - `stolen`: the server says that somebody else holds the key
 * - `unreachable`: it could not be extended in time, because the backend did not answer
 * - `stalled`: this process did not run (blocked event loop, suspended) until after the end
 */
export type LostReason = "expired" | "stolen" | "unreachable" | "stalled";

const LOST_BECAUSE: Record<LostReason, string> = {
  expired: "it expired",
  stolen: "somebody else holds the key now",
  unreachable: "it could not be extended before it ended: the backend did not answer",
  stalled: "this process was blocked or suspended until after its end",
};

/** The lease may no longer be believed: stop the work that it protected. */
export class LockLostError extends LockError {
  override readonly name = "LockLostError";
  readonly code = "LOCK_LOST";
  readonly reason: LostReason;

  constructor(
    key: string,
    reason: LostReason,
    options: { readonly cause?: unknown; readonly because?: string } = {},
  ) {
    super(`the lease of ${quote(key)} is over: ${options.because ?? LOST_BECAUSE[reason]}`, {
      key,
      ...options,
    });
    this.reason = reason;
  }
}

/** How a backend failed. */
export interface LockBackendErrorOptions extends LockErrorOptions {
  /** True where the same request may succeed later (a lost connection, a failover, a server that loads). */
  readonly retryable: boolean;
  /** True where it is not known whether the server executed the request. */
  readonly ambiguous: boolean;
}

/** The backend could not do its work: an outage or a misconfiguration, never contention. */
export class LockBackendError extends LockError {
  override readonly name: string = "LockBackendError";
  readonly code: "LOCK_BACKEND" | "LOCK_QUORUM" = "LOCK_BACKEND";
  /** True where the same request may succeed later. */
  readonly retryable: boolean;
  /** True where it is not known whether the server executed the request. */
  readonly ambiguous: boolean;

  constructor(message: string, options: LockBackendErrorOptions) {
    super(message, options);
    this.retryable = options.retryable;
    this.ambiguous = options.ambiguous;
  }
}

/**
 * A key was granted, and the grant does not count: too few replicas know of it, or the answer was too late. The grant is
 * undone, and its owner token is not used again: a late request under that token could free the next grant, or be one.
 */
export class UnconfirmedGrantError extends LockBackendError {
  constructor(message: string, key: string, cause?: unknown) {
    super(message, { key, cause, retryable: true, ambiguous: true });
  }
}

/** A fault as `LockBackendError`: what a backend should have thrown, should it have thrown something else. */
export function asBackendError(error: unknown, key: string): LockBackendError {
  if (error instanceof LockBackendError) return error;
  const cause = withoutSecrets(error);
  return new LockBackendError(cause.message, { key, cause, retryable: true, ambiguous: true });
}

/** What one node of a quorum answered. */
export interface QuorumVote {
  /** Which node: its place in the list that the quorum was made of, from 1, and what its backend calls itself. */
  readonly node: string;
  /**
   * - `granted`, `busy`: its vote
   * - `abstained`: it lost its data not long ago, and does not know what is held
   * - `unasked`: it was not its turn, which the node in whose queue it waits has told
   * - `timeout`: it did not answer within `nodeTimeout`, or left an earlier question unanswered
   * - `error`: it could not be asked, or refused
   * - `answered`: it answered something that is no vote
   */
  readonly vote: "granted" | "busy" | "abstained" | "unasked" | "timeout" | "error" | "answered";
  /** How long its vote took to come, ms; undefined where it gave none. */
  readonly took?: number | undefined;
  /** Who holds the key there. */
  readonly holder?: SeenHolder | undefined;
  readonly error?: unknown;
}

/**
 * Too few nodes of a quorum answered to decide anything: an outage, and a `LockBackendError`. Retryable unless so many
 * refuse for good that no majority is left.
 */
export class QuorumError extends LockBackendError {
  override readonly name = "QuorumError";
  override readonly code = "LOCK_QUORUM";
  readonly votes: readonly QuorumVote[];

  constructor(key: string, votes: readonly QuorumVote[]) {
    const said = votes.map(({ node, vote }) => `${node}: ${vote}`).join(", ");
    const faults = votes.flatMap(({ error }) => (error === undefined ? [] : [error]));
    const lasting = faults.filter((fault) => Object(fault).retryable === false);
    const unexplained = faults.filter(isUnexplained);
    const majority = Math.floor(votes.length / 2) + 1;
    super(`no majority of the nodes for ${quote(key)} (${said})`, {
      key,
      // What keeps a majority from voting says more than what passes.
      cause: lasting[0] ?? unexplained[0] ?? faults[0],
      retryable: votes.length - lasting.length >= majority,
      ambiguous: false,
    });
    this.votes = votes;
    if (votes.length - lasting.length - unexplained.length < majority) asUnexplained(this);
  }
}

/** A wrong argument or a closed `locks`; nothing was sent. */
export class LockUsageError extends LockError {
  override readonly name = "LockUsageError";
  readonly code = "LOCK_USAGE";
}

/** Whether a value is an error of this library, also one of another copy of the package. */
export function isLockError(value: unknown): value is LockError {
  return value instanceof Error && BRAND in value;
}

import type { RetryPolicy } from "../contract/backend.ts";
import { type LockLostError, LockUsageError } from "../contract/errors.ts";
import { checkOptionNames, isRecord, type OptionNames } from "../contract/option-names.ts";
import { show, showChoice, showNamed } from "../contract/show.ts";
import { checkDuration } from "../contract/validate.ts";
import type { Lease } from "./lease.ts";
import type { TicketOptions } from "./ticket.ts";

/** How long to wait for a busy key. */
export type Wait = number | "forever";

/** Per acquire; each falls back to the option of the same name of `createLocks`, then to its default. */
export interface AcquireOptions {
  /** How long the server keeps the lease unless it is extended; milliseconds. Default 30,000. */
  readonly ttl?: number | undefined;
  /** How long to wait for a busy key; milliseconds, 0 = one attempt, or "forever". Default 10,000. */
  readonly wait?: Wait | undefined;
  /** Cancels the wait: `acquire` rejects with `signal.reason` and leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
  /** Whether to extend the lease at a third of its ttl until it is released or lost. Default true. */
  readonly renew?: boolean | undefined;
  /**
   * The lease is never held longer than this, whatever extends it; it then ends as lost, with reason "expired".
   * Milliseconds. Default: no limit.
   */
  readonly maxHold?: number | undefined;
  /**
   * A release within this time frees the key only at its end: a scheduled job that is done in 10 ms does not run
   * again on the machine whose clock is late. Milliseconds. Default 0.
   */
  readonly minHold?: number | undefined;
  /**
   * Called when the lease is lost, at the moment at which its `signal` aborts: for callers that have thousands of
   * leases, and no use for as many signals. What it throws becomes a process warning.
   */
  readonly onLost?: ((error: LockLostError) => void) | undefined;
  /**
   * A lease that the caller has. If it holds all of these keys already, it is used again: nothing is sent, and
   * the release of the inner lease frees nothing; the other options have no effect. If it holds none of them, it makes no difference.
   */
  readonly within?: Lease | undefined;
  /**
   * Several keys are always taken all or none. Where a single step cannot take them (different hash slots of a
   * Redis Cluster) they are taken in order, and given back should one fail; true refuses that. Default false.
   */
  readonly atomic?: boolean | undefined;
  /**
   * How to ask again for a busy key where the backend cannot queue: on a quorum, whose nodes may disagree who comes
   * next. Other backends ignore it.
   */
  readonly retry?: RetryPolicy | undefined;
  /** Shown by `inspect`: small facts, such as a job id. At most 1 KB as JSON. */
  readonly meta?: Readonly<Record<string, string>> | undefined;
}

/** Of `AcquireOptions`. */
export const ACQUIRE_OPTIONS: OptionNames<AcquireOptions> = {
  ttl: true,
  wait: true,
  signal: true,
  renew: true,
  maxHold: true,
  minHold: true,
  onLost: true,
  within: true,
  atomic: true,
  retry: true,
  meta: true,
};

const RETRY_OPTIONS: OptionNames<RetryPolicy> = { limit: true, delay: true, jitter: true };

const MAX_META_BYTES = 1_024;

/** How a lease is kept. */
export interface LeaseTerms {
  readonly renew: boolean;
  /** Milliseconds. */
  readonly minHold: number;
  /** Milliseconds; may be infinite. */
  readonly maxHold: number;
  readonly onLost?: ((error: LockLostError) => void) | undefined;
}

const NO_LIMIT = Number.POSITIVE_INFINITY;

/** What leases are kept by where nothing else is asked for. */
export const RENEWED: LeaseTerms = { renew: true, minHold: 0, maxHold: NO_LIMIT };

/** Whether nothing ends the lease but its holder and the server. */
export function isUsual({ renew, minHold, maxHold }: LeaseTerms): boolean {
  return renew && minHold === 0 && maxHold === NO_LIMIT;
}

export function termsOf({
  renew = true,
  minHold = 0,
  maxHold = NO_LIMIT,
  onLost,
}: AcquireOptions): LeaseTerms {
  const terms = { renew, minHold, maxHold, onLost };
  return onLost === undefined && isUsual(terms) ? RENEWED : terms;
}

/** @throws LockUsageError */
export function checkWait(wait: unknown): asserts wait is Wait {
  if (wait === "forever") return;
  if (!Number.isSafeInteger(wait) || Number(wait) < 0) {
    throw new LockUsageError(
      `wait must be a whole number of milliseconds from 0 (one attempt), or "forever", got ${showChoice(wait)}`,
    );
  }
}

/** @throws LockUsageError */
export function checkAcquireOptions(options: AcquireOptions, maxTtl: number): void {
  checkOptionNames("acquire", options, ACQUIRE_OPTIONS, "{ ttl: 30000, wait: 5000 }");
  const { ttl, wait, signal, renew, maxHold, minHold, onLost, atomic, retry, meta } = options;
  if (ttl !== undefined) checkDuration("ttl", ttl, 1, maxTtl);
  if (maxHold !== undefined) checkDuration("maxHold", maxHold, 1, Number.MAX_SAFE_INTEGER);
  if (minHold !== undefined) checkDuration("minHold", minHold, 0, maxTtl);
  if (wait !== undefined) checkWait(wait);
  checkFlag("renew", renew);
  checkFlag("atomic", atomic);
  // By its shape: test runners and frames have AbortSignals of their own.
  if (signal !== undefined && typeof signal?.throwIfAborted !== "function") {
    throw new LockUsageError(`signal must be an AbortSignal, got ${show(signal)}`);
  }
  if (onLost !== undefined && typeof onLost !== "function") {
    throw new LockUsageError(`onLost must be a function, got ${show(onLost)}`);
  }
  if (retry !== undefined) checkRetry(retry);
  if (meta !== undefined) checkFacts("meta", meta);
}

/** @throws LockUsageError */
export function checkTicketOptions(options: TicketOptions): void {
  checkOptionNames("toTicket", options, { context: true }, "{ context: { trace: id } }");
  if (options.context !== undefined) checkFacts("context", options.context);
}

const LONGEST_DELAY = 3_600_000;

/** @throws LockUsageError */
export function checkRetry(retry: unknown): asserts retry is RetryPolicy {
  if (typeof retry !== "object" || retry === null) {
    throw new LockUsageError(`retry must be an object such as { limit: 10, delay: 200 }, got ${show(retry)}`);
  }
  checkOptionNames<RetryPolicy>("retry", retry, RETRY_OPTIONS, "{ limit: 10, delay: 200 }");
  const { limit, delay, jitter }: RetryPolicy = retry;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0)) {
    throw new LockUsageError(`retry.limit must be a whole number from 0, got ${show(limit)}`);
  }
  if (delay !== undefined) checkDuration("retry.delay", delay, 0, LONGEST_DELAY);
  if (jitter !== undefined) checkDuration("retry.jitter", jitter, 0, LONGEST_DELAY);
}

function checkFlag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") {
    throw new LockUsageError(`${name} must be true or false, got ${show(value)}`);
  }
}

function checkFacts(name: "meta" | "context", facts: unknown): void {
  if (!isRecord(facts) || !Object.values(facts).every((value) => typeof value === "string")) {
    throw new LockUsageError(
      `${name} must be an object whose values are strings, got ${showNamed(name, facts)}`,
    );
  }
  const bytes = Buffer.byteLength(JSON.stringify(facts));
  if (bytes > MAX_META_BYTES) {
    throw new LockUsageError(`${name} may have at most ${MAX_META_BYTES} bytes as JSON, got ${bytes}`);
  }
}

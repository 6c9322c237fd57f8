import type { LockBackend, RetryPolicy } from "../contract/backend.ts";
import { LockUsageError } from "../contract/errors.ts";
import { checkOptionNames, type OptionNames } from "../contract/option-names.ts";
import { madeBy, showForBackend, showForLocks } from "../contract/show.ts";
import type { Wait } from "../lease/options.ts";

/** Options of `createLocks`. Durations are milliseconds. */
export interface LocksOptions<Backend extends LockBackend = LockBackend> {
  /** What grants the leases: `ioredisBackend`, `nodeRedisBackend`, `quorumBackend` or `inProcessBackend`. */
  readonly backend: Backend;
  /** The namespace: locks of different prefixes never meet. Default "lock". */
  readonly prefix?: string;
  /** The default `ttl` of an acquire. Default 30,000. */
  readonly ttl?: number;
  /** The default `wait` of an acquire. Default 10,000. */
  readonly wait?: Wait;
  /** The default `retry` of an acquire. */
  readonly retry?: RetryPolicy;
  /** The longest ttl that is accepted. Default 86,400,000 (24 h), or less where the backend grants no more. */
  readonly maxTtl?: number;
  /** How many acquires of one key may wait at once; the next is refused with `LockOverloadedError`. Default 100,000. */
  readonly maxWaiters?: number;
  /** How this process is shown to others. Default "<host name>:<pid>". */
  readonly holder?: string;
}

const LOCKS_OPTIONS: OptionNames<LocksOptions> = {
  backend: true,
  prefix: true,
  ttl: true,
  wait: true,
  retry: true,
  maxTtl: true,
  maxWaiters: true,
  holder: true,
};

/** @throws LockUsageError */
export function checkLocksOptions(options: LocksOptions): void {
  // A client or a backend in the place of the options is told by its kind, and what to do with it.
  if (options === undefined || madeBy(options) !== undefined) {
    throw new LockUsageError(
      `createLocks needs an object such as { backend: ioredisBackend(client) }, got ${showForLocks(options)}`,
    );
  }
  checkOptionNames("createLocks", options, LOCKS_OPTIONS, "{ backend: ioredisBackend(client) }");
  const { backend } = options;
  if (typeof backend?.tryAcquire === "function") return;
  throw new LockUsageError(
    `backend must be a LockBackend such as ioredisBackend(client), got ${showForBackend(backend)}`,
  );
}

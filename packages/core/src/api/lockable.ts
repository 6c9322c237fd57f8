import { LockTimeoutError, LockUsageError } from "../contract/errors.ts";
import { show } from "../contract/show.ts";
import type { Lease } from "../lease/lease.ts";
import type { AcquireOptions } from "../lease/options.ts";

/** Something that can be locked: its key, or keys, and mode are settled. */
export interface Lockable<L extends Lease = Lease, O extends AcquireOptions = AcquireOptions> {
  /**
   * Waits for it and resolves with a lease.
   * @throws LockTimeoutError, LockBackendError, LockUsageError, or `options.signal.reason`
   */
  acquire(options?: O): Promise<L>;
  /**
   * Resolves with a lease, or with null when it is busy. Waits only when `options.wait` says so.
   * @throws LockBackendError, LockUsageError, or `options.signal.reason`
   */
  tryAcquire(options?: O): Promise<L | null>;
  /**
   * Acquires, runs `fn`, releases. Settles as `fn` does: a release that fails never masks its result or error.
   * @throws what `acquire` throws
   */
  using<T>(fn: (lease: L) => T | Promise<T>): Promise<T>;
  using<T>(options: O, fn: (lease: L) => T | Promise<T>): Promise<T>;
}

/** The arguments of `using` behind the key. */
export type UsingArguments<T, L extends Lease, O extends AcquireOptions> =
  | [fn: (lease: L) => T | Promise<T>]
  | [options: O, fn: (lease: L) => T | Promise<T>];

/** `defaultWait` is what counts where the options say nothing; undefined: the default of the locks. */
export type Acquire<L extends Lease, O extends AcquireOptions> = (
  options: O | undefined,
  defaultWait: 0 | undefined,
) => Promise<L>;

/** The three ways to hold a lock, over one way to acquire it. */
export class BoundLock<L extends Lease, O extends AcquireOptions> implements Lockable<L, O> {
  constructor(private readonly acquireOnce: Acquire<L, O>) {}

  acquire(options?: O): Promise<L> {
    return this.acquireOnce(options, undefined);
  }

  async tryAcquire(options?: O): Promise<L | null> {
    try {
      return await this.acquireOnce(options, 0);
    } catch (error) {
      if (error instanceof LockTimeoutError) return null;
      throw error;
    }
  }

  /** Not async before it has the lease: of thousands that wait, each would keep a suspended function. */
  using<T>(...rest: UsingArguments<T, L, O>): Promise<T> {
    const [options, fn] = rest.length === 1 ? [undefined, rest[0]] : rest;
    if (typeof fn !== "function") {
      const last = typeof options === "function" ? ": the function comes last" : "";
      return Promise.reject(new LockUsageError(`using needs a function to run, got ${show(fn)}${last}`));
    }
    return this.acquireOnce(options, undefined).then((lease) => useLease(lease, fn));
  }
}

async function useLease<T, L extends Lease>(lease: L, fn: (lease: L) => T | Promise<T>): Promise<T> {
  try {
    return await fn(lease);
  } finally {
    await lease[Symbol.asyncDispose]();
  }
}

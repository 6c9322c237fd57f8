import type { LockState } from "../contract/admin.ts";
import type { LockBackend } from "../contract/backend.ts";
import type { LockEventName, LockListener } from "../lease/events.ts";
import type { Lease } from "../lease/lease.ts";
import type { AcquireOptions } from "../lease/options.ts";
import type { LeaseTicket } from "../lease/ticket.ts";
import type { Lockable } from "./lockable.ts";
import type { Pool } from "./pool.ts";
import type { ReadWriteLock } from "./read-write.ts";

/**
 * What the locks of every backend can do, a quorum included. Functions that need no semaphores and no pools take this, and
 * `Locks` fits.
 */
export interface LocksWithoutPermits {
  /**
   * Waits for the key, or for all of several keys, and resolves with the lease.
   * @example
   * const lease = await locks.acquire("report", { wait: 5_000 });
   * try {
   *   await work(lease.signal);
   * } finally {
   *   await lease.release();
   * }
   * @throws LockTimeoutError, LockBackendError, LockUsageError, or `options.signal.reason`
   */
  acquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lease>;
  /**
   * Resolves with the lease, or with null when a key is busy. Waits only when `options.wait` says so.
   * @example
   * const lease = await locks.tryAcquire("report");
   * if (lease === null) return "somebody else is at it";
   * @throws LockBackendError, LockUsageError, or `options.signal.reason`
   */
  tryAcquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lease | null>;
  /**
   * Acquires, runs `fn`, releases. Settles as `fn` does: a release that fails never masks its result or error.
   * @example
   * await locks.using("invoice:42", async (lease) => {
   *   await charge({ signal: lease.signal, fence: lease.fencingToken });
   * });
   * @throws what `acquire` throws
   */
  using<T>(key: string | readonly string[], fn: (lease: Lease) => T | Promise<T>): Promise<T>;
  using<T>(
    key: string | readonly string[],
    options: AcquireOptions,
    fn: (lease: Lease) => T | Promise<T>,
  ): Promise<T>;
  /**
   * Many readers or one writer, of one key or several.
   * @example
   * const page = locks.readWrite("page:home");
   * await page.read.using(async () => render());
   * await page.write.using(async () => publish());
   * @throws LockUsageError
   */
  readWrite(key: string | readonly string[]): ReadWriteLock;
  /**
   * Who holds the key, in whatever mode, and who waits for it; null when it is free.
   * @example
   * const state = await locks.inspect("report");
   * console.log(state?.holders[0]?.holder, state?.waiting);
   * @throws LockBackendError, LockUsageError
   */
  inspect(key: string): Promise<LockState | null>;
  /**
   * All keys that are held, in no order. `match` narrows them: `*` stands for any characters, all else is
   * literal.
   * @example
   * for await (const { key, waiting } of locks.list({ match: "report:*" })) console.log(key, waiting);
   * @throws LockBackendError, LockUsageError
   */
  list(options?: { readonly match?: string }): AsyncIterable<LockState>;
  /**
   * Takes the key from its holders, who learn of it by their next extend. With `token`, as `inspect` shows
   * it, only from that owner. Resolves with whether it did.
   * @example
   * const stuck = await locks.inspect("report");
   * const token = stuck?.holders[0]?.token;
   * if (token !== undefined) await locks.forceRelease("report", { token });
   * @throws LockBackendError, LockUsageError
   */
  forceRelease(key: string, options?: { readonly token?: string }): Promise<boolean>;
  /**
   * Takes over a lease that another process gave away by `lease.toTicket()`. A ticket can be adopted once.
   * @example
   * const lease = await locks.adopt(job.data.ticket);
   * @throws LockLostError when the lease has ended or was adopted already, LockUsageError for what is no ticket of
   *   these locks or was altered, LockBackendError
   */
  adopt(ticket: LeaseTicket): Promise<Lease>;
  /**
   * Listens to an event; the returned function stops it.
   * @example
   * const stop = locks.on("lost", ({ key, reason }) => console.error(`${key} was lost: ${reason}`));
   * @throws LockUsageError for an event that there is not
   */
  on<Name extends LockEventName>(event: Name, listener: LockListener<Name>): () => void;
  /**
   * Ends all waiting (with LockUsageError), releases all leases, and closes what the backend opened itself;
   * the user's client stays open. Takes at most half a second, whatever the backend does.
   * @example
   * await locks.close(); // first the locks
   * await redis.quit(); // then their client
   */
  close(): Promise<void>;
}

/** Locks of one namespace on one backend. */
export interface Locks extends LocksWithoutPermits {
  /**
   * At most `permits` (1 to 1,000,000) leases at once. Where others name another number for the key, the smaller
   * one rules until nobody holds it, and the event `permitsMismatch` tells.
   * @example
   * const calls = locks.semaphore("api:maps", { permits: 5 });
   * await calls.using(async () => askForMap());
   * @throws LockUsageError, also where the backend is a quorum
   */
  semaphore(key: string, options: { readonly permits: number }): Lockable;
  /**
   * Numbered slots, 1 to `size` (at most 1000): any that is free, or a chosen one.
   * @example
   * const models = locks.pool("models", { size: 4 });
   * await models.using(async ({ slot }) => infer(slot));
   * @throws LockUsageError, also where the backend is a quorum
   */
  pool(name: string, options: { readonly size: number }): Pool;
}

/** What a backend's locks can do: on a quorum, `LocksWithoutPermits`. */
export type LocksOn<Backend extends LockBackend> = Backend extends {
  readonly capabilities: { readonly permits: false };
}
  ? LocksWithoutPermits
  : Locks;

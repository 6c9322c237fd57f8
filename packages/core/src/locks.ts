import { hostname } from "node:os";
import type { LockBackend, LockMode, LockState, RetryPolicy } from "./backend.ts";
import { LockUsageError } from "./errors.ts";
import type { LockEventName, LockListener } from "./events.ts";
import type { OuterLease } from "./inner-lease.ts";
import { checkKey, checkKeys, checkPrefix } from "./key.ts";
import { matcher } from "./key-match.ts";
import type { Lease, PoolLease } from "./lease.ts";
import { Leases } from "./leases.ts";
import { BoundLock, type Lockable, type UsingArguments } from "./lockable.ts";
import { BackendNotices, type Notices } from "./notices.ts";
import { checkOptionNames, type OptionNames } from "./option-names.ts";
import {
  type AcquireOptions,
  checkDuration,
  checkHolder,
  checkPermits,
  checkRetry,
  checkSize,
  checkWait,
  DEFAULT_MAX_TTL,
  type Wait,
} from "./options.ts";
import { type Pool, SlotPool } from "./pool.ts";
import { type ReadWriteLock, readWriteLock } from "./read-write.ts";
import { madeBy, show, showForBackend, showForLocks } from "./show.ts";
import type { LeaseTicket } from "./ticket.ts";
import type { UnattendedLeases } from "./unattended.ts";

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
  /** How this process is shown to others. Default "<host name>:<pid>". */
  readonly holder?: string;
}

/** Locks of one namespace on one backend. */
export interface Locks {
  /**
   * Waits for the key, or for all of several keys, and resolves with the lease.
   * @throws LockTimeoutError, LockBackendError, LockUsageError, or `options.signal.reason`
   */
  acquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lease>;
  /**
   * Resolves with the lease, or with null when a key is busy. Waits only when `options.wait` says so.
   * @throws LockBackendError, LockUsageError, or `options.signal.reason`
   */
  tryAcquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lease | null>;
  /**
   * Acquires, runs `fn`, releases. Settles as `fn` does: a release that fails never masks its result or error.
   * @throws what `acquire` throws
   */
  using<T>(key: string | readonly string[], fn: (lease: Lease) => T | Promise<T>): Promise<T>;
  using<T>(
    key: string | readonly string[],
    options: AcquireOptions,
    fn: (lease: Lease) => T | Promise<T>,
  ): Promise<T>;
  /** Many readers or one writer, of one key or several. @throws LockUsageError */
  readWrite(key: string | readonly string[]): ReadWriteLock;
  /**
   * At most `permits` (1 to 1,000,000) leases at once. Where others name another number for the key, the smaller
   * one rules until nobody holds it, and the event `permitsMismatch` tells.
   * @throws LockUsageError, also where the backend is a quorum
   */
  semaphore(key: string, options: { readonly permits: number }): Lockable;
  /**
   * Numbered slots, 1 to `size` (at most 1000): any that is free, or a chosen one.
   * @throws LockUsageError, also where the backend is a quorum
   */
  pool(name: string, options: { readonly size: number }): Pool;
  /**
   * Who holds the key, in whatever mode, and who waits for it; null when nobody does.
   * @throws LockBackendError, LockUsageError
   */
  inspect(key: string): Promise<LockState | null>;
  /**
   * All keys that are held, in no order. `match` narrows them: `*` stands for any characters, all else is
   * literal.
   * @throws LockBackendError, LockUsageError
   */
  list(options?: { readonly match?: string }): AsyncIterable<LockState>;
  /**
   * Takes the key from whoever holds it; its holders learn by their next extend. With `token`, as `inspect` shows
   * it, only from that owner. Whether it did.
   * @throws LockBackendError, LockUsageError
   */
  forceRelease(key: string, options?: { readonly token?: string }): Promise<boolean>;
  /**
   * Takes over a lease that another process gave away by `lease.toTicket()`. A ticket can be adopted once.
   * @throws LockLostError when the lease has ended or was adopted already, LockUsageError for what is no ticket of
   *   these locks or was altered, LockBackendError
   */
  adopt(ticket: LeaseTicket): Promise<Lease>;
  /** Listens to an event; the returned function stops it. */
  on<Name extends LockEventName>(event: Name, listener: LockListener<Name>): () => void;
  /**
   * Ends all waiting (with LockUsageError), releases all leases, and closes what the backend opened itself;
   * the user's client stays open. Takes at most half a second, whatever the backend does.
   */
  close(): Promise<void>;
}

/** Locks of a backend that cannot grant permits, such as a quorum. */
export type LocksWithoutPermits = Omit<Locks, "semaphore" | "pool">;

/** What a backend's locks can do. */
export type LocksOn<Backend extends LockBackend> = Backend extends { readonly grantsPermits: false }
  ? LocksWithoutPermits
  : Locks;

const EXCLUSIVE = { kind: "exclusive" } as const;
const DEFAULT_TTL = 30_000;
const DEFAULT_WAIT = 10_000;
/** What `inspect` shows of a token; fewer characters could name two. */
const SHORTEST_TOKEN = 8;

/**
 * Makes the locks of one namespace.
 * @throws LockUsageError
 */
export function createLocks<Backend extends LockBackend>(options: LocksOptions<Backend>): LocksOn<Backend>;
export function createLocks(options: LocksOptions): Locks {
  return new BackendLocks(options);
}

const LOCKS_OPTIONS: OptionNames<LocksOptions> = {
  backend: true,
  prefix: true,
  ttl: true,
  wait: true,
  retry: true,
  maxTtl: true,
  holder: true,
};

/** @throws LockUsageError */
function checkLocksOptions(options: LocksOptions): void {
  // A client or a backend in the place of the options is told by its kind, and what to do with it.
  if (options === undefined || madeBy(options) !== undefined) {
    throw new LockUsageError(
      `createLocks needs an object such as { backend: ioredisBackend(client) }, got ${showForLocks(options)}`,
    );
  }
  checkOptionNames("createLocks", options, LOCKS_OPTIONS, "{ backend: ioredisBackend(client) }");
  const { backend } = options;
  if (typeof backend?.attempt === "function") return;
  throw new LockUsageError(
    `backend must be a LockBackend such as ioredisBackend(client), got ${showForBackend(backend)}`,
  );
}

class BackendLocks implements Locks {
  readonly #backend: LockBackend;
  readonly #prefix: string;
  readonly #leases: Leases;
  /** For adapters; see `unattendedLeases`. */
  readonly unattended: UnattendedLeases;
  /** For adapters; see `noticesOf`. */
  readonly notices: Notices;

  constructor(options: LocksOptions) {
    checkLocksOptions(options);
    const { backend, prefix = "lock", holder = `${hostname()}:${process.pid}` } = options;
    const { wait = DEFAULT_WAIT, retry } = options;
    checkPrefix(prefix);
    checkHolder(holder);
    const maxTtl = options.maxTtl ?? Math.min(DEFAULT_MAX_TTL, backend.maxTtl ?? DEFAULT_MAX_TTL);
    checkDuration("maxTtl", maxTtl, 1, backend.maxTtl ?? Number.MAX_SAFE_INTEGER);
    const ttl = options.ttl ?? Math.min(DEFAULT_TTL, maxTtl);
    checkDuration("ttl", ttl, 1, maxTtl);
    checkWait(wait);
    if (retry !== undefined) checkRetry(retry);
    this.#backend = backend;
    this.#prefix = prefix;
    this.#leases = new Leases({ backend, prefix, holder, ttl, wait, retry, maxTtl });
    this.unattended = this.#leases.unattended;
    this.notices = new BackendNotices(backend, prefix);
  }

  acquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lease> {
    return this.#exclusive(key).acquire(options);
  }

  tryAcquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lease | null> {
    return this.#exclusive(key).tryAcquire(options);
  }

  using<T>(key: string | readonly string[], ...rest: UsingArguments<T, Lease, AcquireOptions>): Promise<T> {
    return this.#exclusive(key).using(...rest);
  }

  readWrite(key: string | readonly string[]): ReadWriteLock {
    const keys = checkKeys(key);
    return readWriteLock((mode, ...rest) => this.#leases.acquire({ keys, mode }, ...rest));
  }

  semaphore(key: string, options: { readonly permits: number }): Lockable {
    checkKey(key);
    checkOptionNames("semaphore", options, { permits: true }, "{ permits: 5 }");
    checkPermits(options?.permits);
    this.#assertGrantsPermits("a semaphore");
    const mode: LockMode = { kind: "permits", permits: options.permits };
    return new BoundLock((...rest) => this.#leases.acquire({ keys: [key], mode }, ...rest));
  }

  pool(name: string, options: { readonly size: number }): Pool {
    checkKey(name);
    checkOptionNames("pool", options, { size: true }, "{ size: 4 }");
    checkSize(options?.size);
    this.#assertGrantsPermits("a pool");
    return new SlotPool(
      name,
      options.size,
      async (mode, ...rest) => withSlot(await this.#leases.acquire({ keys: [name], mode }, ...rest)),
      () => this.inspect(name),
    );
  }

  async inspect(key: string): Promise<LockState | null> {
    checkKey(key);
    this.#leases.assertOpen();
    return this.#backend.inspect({ prefix: this.#prefix, key });
  }

  async *list(options: { readonly match?: string } = {}): AsyncIterable<LockState> {
    checkOptionNames("list", options, { match: true }, '{ match: "report:*" }');
    const matches = matcher(options.match ?? "*");
    this.#leases.assertOpen();
    for await (const state of this.#backend.list(this.#prefix)) {
      if (matches(state.key)) yield state;
    }
  }

  async forceRelease(key: string, options: { readonly token?: string } = {}): Promise<boolean> {
    checkKey(key);
    checkOptionNames("forceRelease", options, { token: true }, '{ token: "q3hB9x_T" }');
    const { token } = options;
    if (token !== undefined && (typeof token !== "string" || token.length < SHORTEST_TOKEN)) {
      const got = typeof token === "string" ? `${String(token).length} characters` : show(token);
      throw new LockUsageError(`token must have at least ${SHORTEST_TOKEN} characters, got ${got}`);
    }
    this.#leases.assertOpen();
    return this.#backend.forceRelease({ prefix: this.#prefix, key }, token);
  }

  adopt(ticket: LeaseTicket): Promise<Lease> {
    return this.#leases.adopt(ticket);
  }

  on<Name extends LockEventName>(event: Name, listener: LockListener<Name>): () => void {
    return this.#leases.events.on(event, listener);
  }

  close(): Promise<void> {
    return this.#leases.close();
  }

  /** A wrong key rejects, as everything that is wrong with an acquire does. */
  #exclusive(key: string | readonly string[]): BoundLock<Lease, AcquireOptions> {
    return new BoundLock((options, defaultWait) => {
      try {
        return this.#leases.acquire({ keys: checkKeys(key), mode: EXCLUSIVE }, options, defaultWait);
      } catch (error) {
        return Promise.reject(error);
      }
    });
  }

  /** @throws LockUsageError */
  #assertGrantsPermits(what: string): void {
    if (this.#backend.grantsPermits) return;
    throw new LockUsageError(
      `${what} is not possible on ${this.#backend.name}: use a backend of a single server`,
    );
  }
}

function withSlot(lease: OuterLease): PoolLease {
  if (hasSlot(lease)) return lease;
  throw new LockUsageError("the lease given as within holds no slot of this pool");
}

function hasSlot(lease: OuterLease): lease is OuterLease & PoolLease {
  return lease.slot !== undefined;
}

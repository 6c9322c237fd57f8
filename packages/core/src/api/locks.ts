import { hostname } from "node:os";
import { adminOf, type LockState } from "../contract/admin.ts";
import type { LockBackend } from "../contract/backend.ts";
import { LockUsageError } from "../contract/errors.ts";
import { checkKey, checkKeys, checkPrefix } from "../contract/key.ts";
import type { LockMode } from "../contract/mode.ts";
import { checkOptionNames } from "../contract/option-names.ts";
import { show } from "../contract/show.ts";
import { checkCount, checkDuration, DEFAULT_MAX_TTL } from "../contract/validate.ts";
import type { DetachedLeases } from "../lease/detached.ts";
import type { LockEventName, LockListener } from "../lease/events.ts";
import type { Lease, PoolLease } from "../lease/lease.ts";
import { Leases } from "../lease/leases.ts";
import { type AcquireOptions, checkRetry, checkWait } from "../lease/options.ts";
import type { OuterLease } from "../lease/reentrant-lease.ts";
import type { LeaseTicket } from "../lease/ticket.ts";
import { matcher } from "./key-match.ts";
import { BoundLock, type Lockable, type UsingArguments } from "./lockable.ts";
import type { Locks, LocksOn } from "./locks-api.ts";
import { checkLocksOptions, type LocksOptions } from "./locks-options.ts";
import { BackendMessages, type LockMessages } from "./messages.ts";
import { type Pool, SlotPool } from "./pool.ts";
import { type ReadWriteLock, readWriteLock } from "./read-write.ts";
import { checkHolder, checkPermits, checkSize } from "./validate.ts";

const EXCLUSIVE = { kind: "exclusive" } as const;
const DEFAULT_TTL = 30_000;
const DEFAULT_WAIT = 10_000;
const DEFAULT_MAX_WAITERS = 100_000;
const MOST_WAITERS = 10_000_000;
/** What `inspect` shows of a token; fewer characters could name two. */
const SHORTEST_TOKEN = 8;

/**
 * Makes the locks of one namespace on one backend.
 * @example
 * import { createLocks } from "@lock/core";
 * import { ioredisBackend } from "@lock/core/ioredis";
 * import { Redis } from "ioredis";
 *
 * const locks = createLocks({ backend: ioredisBackend(new Redis()) });
 * await locks.using("invoice:42", async (lease) => console.log(`mine for ${lease.validFor} ms`));
 * @throws LockUsageError
 */
export function createLocks<Backend extends LockBackend>(options: LocksOptions<Backend>): LocksOn<Backend>;
export function createLocks(options: LocksOptions): Locks {
  return new BackendLocks(options);
}

class BackendLocks implements Locks {
  readonly #backend: LockBackend;
  readonly #prefix: string;
  readonly #leases: Leases;
  /** For adapters; see `detachedLeases`. */
  readonly detached: DetachedLeases;
  /** For adapters; see `messagesOf`. */
  readonly messages: LockMessages;

  constructor(options: LocksOptions) {
    checkLocksOptions(options);
    const { backend, prefix = "lock", holder = `${hostname()}:${process.pid}` } = options;
    const { wait = DEFAULT_WAIT, retry, maxWaiters = DEFAULT_MAX_WAITERS } = options;
    checkPrefix(prefix);
    checkHolder(holder);
    const maxTtl =
      options.maxTtl ?? Math.min(DEFAULT_MAX_TTL, backend.capabilities.maxTtl ?? DEFAULT_MAX_TTL);
    checkDuration("maxTtl", maxTtl, 1, backend.capabilities.maxTtl ?? Number.MAX_SAFE_INTEGER);
    const ttl = options.ttl ?? Math.min(DEFAULT_TTL, maxTtl);
    checkDuration("ttl", ttl, 1, maxTtl);
    checkWait(wait);
    checkCount("maxWaiters", maxWaiters, MOST_WAITERS);
    if (retry !== undefined) checkRetry(retry);
    this.#backend = backend;
    this.#prefix = prefix;
    this.#leases = new Leases({ backend, prefix, holder, ttl, wait, retry, maxTtl, maxWaiters });
    this.detached = this.#leases.detached;
    this.messages = new BackendMessages(backend, prefix);
  }

  acquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lease> {
    return this.#acquire(key, options);
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
      this.#backend.clock,
    );
  }

  async inspect(key: string): Promise<LockState | null> {
    checkKey(key);
    this.#leases.assertOpen();
    return adminOf(this.#backend).inspect({ prefix: this.#prefix, key });
  }

  async *list(options: { readonly match?: string } = {}): AsyncIterable<LockState> {
    checkOptionNames("list", options, { match: true }, '{ match: "report:*" }');
    const matches = matcher(options.match ?? "*");
    this.#leases.assertOpen();
    for await (const state of adminOf(this.#backend).list(this.#prefix)) {
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
    return adminOf(this.#backend).forceRelease({ prefix: this.#prefix, key }, token);
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

  #exclusive(key: string | readonly string[]): BoundLock<Lease, AcquireOptions> {
    return new BoundLock((...rest) => this.#acquire(key, ...rest));
  }

  /** A wrong key rejects, as everything that is wrong with an acquire does. */
  #acquire(key: string | readonly string[], options?: AcquireOptions, defaultWait?: 0): Promise<Lease> {
    try {
      return this.#leases.acquire({ keys: checkKeys(key), mode: EXCLUSIVE }, options, defaultWait);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** @throws LockUsageError */
  #assertGrantsPermits(what: string): void {
    if (this.#backend.capabilities.permits) return;
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

import { hostname } from "node:os";
import { type AcquireContext, acquireLock } from "./acquire.ts";
import { acquireInOrder } from "./acquire-in-order.ts";
import { adoptLease, planAdoption } from "./adopt.ts";
import type { AcquireRequest, Granted, LockBackend, LockMode, LockState, PermitsMode } from "./backend.ts";
import { asBackendError, LockUsageError } from "./errors.ts";
import { Events, type LockEventName, type LockListener } from "./events.ts";
import { leaseWithin, type OuterLease } from "./inner-lease.ts";
import { checkKey, checkKeys, checkPrefix, type Keys, showKeys } from "./key.ts";
import { matcher } from "./key-match.ts";
import { HeldLease, type Lease, type LeaseContext, type LeaseTerms, type PoolLease } from "./lease.ts";
import { type Acquire, BoundLock, type Lockable, type Target, type UsingArguments } from "./lockable.ts";
import {
  type AcquireOptions,
  checkAcquireOptions,
  checkDuration,
  checkHolder,
  checkPermits,
  checkSize,
  checkWait,
  DEFAULT_MAX_TTL,
  type Wait,
} from "./options.ts";
import { newOwnerToken } from "./owner-token.ts";
import { Patience } from "./patience.ts";
import { type Pool, SlotPool } from "./pool.ts";
import { type ReadWriteLock, readWriteLock } from "./read-write.ts";
import { show } from "./show.ts";
import type { LeaseTicket } from "./ticket.ts";

/** Options of `createLocks`. Durations are milliseconds. */
export interface LocksOptions<Backend extends LockBackend = LockBackend> {
  /** What grants the leases: `ioredisBackend`, `nodeRedisBackend` or `inProcessBackend`. */
  readonly backend: Backend;
  /** The namespace: locks of different prefixes never meet. Default "lock". */
  readonly prefix?: string;
  /** The default `ttl` of an acquire. Default 30,000. */
  readonly ttl?: number;
  /** The default `wait` of an acquire. Default 10,000. */
  readonly wait?: Wait;
  /** The longest ttl that is accepted. Default 86,400,000 (24 h). */
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
const CLOSE_PATIENCE = 500;
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

class BackendLocks implements Locks {
  readonly #backend: LockBackend;
  readonly #prefix: string;
  readonly #holder: string;
  readonly #maxTtl: number;
  readonly #defaults: { readonly ttl: number; readonly wait: Wait };
  readonly #events = new Events();
  readonly #held = new Set<HeldLease>();
  readonly #acquiring = new Map<Patience, Promise<Lease>>();
  readonly #undoing = new Set<Promise<unknown>>();
  readonly #leaseContext: LeaseContext;
  /** Of the parts of a lease while the others are waited for: nobody is told of them. */
  readonly #partContext: LeaseContext;
  #closed: Promise<void> | undefined;

  constructor(options: LocksOptions) {
    const { backend, prefix = "lock", holder = `${hostname()}:${process.pid}` } = options;
    const { maxTtl = DEFAULT_MAX_TTL, wait = DEFAULT_WAIT } = options;
    if (typeof backend?.attempt !== "function") {
      throw new LockUsageError(
        `backend must be a LockBackend such as ioredisBackend(client), got ${show(backend)}`,
      );
    }
    checkPrefix(prefix);
    checkHolder(holder);
    checkDuration("maxTtl", maxTtl, 1, Number.MAX_SAFE_INTEGER);
    const ttl = options.ttl ?? Math.min(DEFAULT_TTL, maxTtl);
    checkDuration("ttl", ttl, 1, maxTtl);
    checkWait(wait);
    this.#backend = backend;
    this.#prefix = prefix;
    this.#holder = holder;
    this.#maxTtl = maxTtl;
    this.#defaults = { ttl, wait };
    this.#leaseContext = {
      backend,
      events: this.#events,
      checkTtl: (ttl) => checkDuration("ttl", ttl, 1, this.#maxTtl),
      ended: (lease) => void this.#held.delete(lease),
      undo: (key, work) => this.#undo(key, "release", work),
    };
    this.#partContext = { ...this.#leaseContext, events: new Events() };
  }

  async acquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lease> {
    return this.#exclusive(key).acquire(options);
  }

  async tryAcquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lease | null> {
    return this.#exclusive(key).tryAcquire(options);
  }

  async using<T>(
    key: string | readonly string[],
    ...rest: UsingArguments<T, Lease, AcquireOptions>
  ): Promise<T> {
    return this.#exclusive(key).using(...rest);
  }

  readWrite(key: string | readonly string[]): ReadWriteLock {
    return readWriteLock(checkKeys(key), (target, ...rest) => this.#acquire(target, ...rest));
  }

  semaphore(key: string, { permits }: { readonly permits: number }): Lockable {
    checkKey(key);
    checkPermits(permits);
    this.#assertGrantsPermits("a semaphore");
    return this.#bound([key], { kind: "permits", permits });
  }

  pool(name: string, { size }: { readonly size: number }): Pool {
    checkKey(name);
    checkSize(size);
    this.#assertGrantsPermits("a pool");
    const acquire = async (mode: PermitsMode, ...rest: Parameters<Acquire<Lease, AcquireOptions>>) => {
      const lease = await this.#acquire({ keys: [name], mode }, ...rest);
      return withSlot(lease);
    };
    return new SlotPool(name, size, acquire, () => this.inspect(name));
  }

  async inspect(key: string): Promise<LockState | null> {
    checkKey(key);
    this.#assertOpen();
    return this.#backend.inspect({ prefix: this.#prefix, key });
  }

  async *list(options: { readonly match?: string } = {}): AsyncIterable<LockState> {
    const matches = matcher(options.match ?? "*");
    this.#assertOpen();
    for await (const state of this.#backend.list(this.#prefix)) {
      if (matches(state.key)) yield state;
    }
  }

  async forceRelease(key: string, options: { readonly token?: string } = {}): Promise<boolean> {
    const { token } = options;
    checkKey(key);
    if (token !== undefined && (typeof token !== "string" || token.length < SHORTEST_TOKEN)) {
      const got = typeof token === "string" ? `${String(token).length} characters` : show(token);
      throw new LockUsageError(`token must have at least ${SHORTEST_TOKEN} characters, got ${got}`);
    }
    this.#assertOpen();
    return this.#backend.forceRelease({ prefix: this.#prefix, key }, token);
  }

  async adopt(ticket: LeaseTicket): Promise<Lease> {
    const adopter = { prefix: this.#prefix, holder: this.#holder, maxTtl: this.#maxTtl };
    const adoption = planAdoption(ticket, adopter);
    this.#assertOpen();
    const { renew, minHold, maxHold = Number.POSITIVE_INFINITY } = adoption.ticket;
    const patience = new Patience(this.#backend.clock, this.#defaults.wait, undefined);
    const granting = adoptLease(this.#backend, adoption, patience);
    return this.#deliver(adoption.request, granting, patience, { renew, minHold, maxHold });
  }

  on<Name extends LockEventName>(event: Name, listener: LockListener<Name>): () => void {
    return this.#events.on(event, listener);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const patience of this.#acquiring.keys()) patience.interrupt(closedError());
    const patience = new Patience(this.#backend.clock, CLOSE_PATIENCE, undefined);
    await patience.until(this.#settle());
    await patience.until(this.#backend.close());
  }

  /** Ends when nothing of ours is under way; the undo of an acquire begins when its promise settles. */
  async #settle(): Promise<void> {
    const releases = [...this.#held].map((lease) => lease[Symbol.asyncDispose]());
    await Promise.allSettled([...releases, ...this.#acquiring.values()]);
    await Promise.allSettled(this.#undoing);
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw closedError();
  }

  #assertGrantsPermits(what: string): void {
    if (this.#backend.grantsPermits) return;
    throw new LockUsageError(
      `${what} is not possible on ${this.#backend.name}: use a backend of a single server`,
    );
  }

  #exclusive(key: string | readonly string[]): BoundLock<Lease, AcquireOptions> {
    return this.#bound(checkKeys(key), EXCLUSIVE);
  }

  #bound(keys: Keys, mode: LockMode): BoundLock<Lease, AcquireOptions> {
    return new BoundLock((...rest) => this.#acquire({ keys, mode }, ...rest));
  }

  async #acquire(
    target: Target,
    options: AcquireOptions = {},
    defaultWait: 0 | undefined,
  ): Promise<OuterLease> {
    checkAcquireOptions(options, this.#maxTtl);
    this.#assertOpen();
    const { signal, meta, renew = true, minHold = 0, maxHold = Number.POSITIVE_INFINITY, within } = options;
    const { ttl = this.#defaults.ttl, wait = defaultWait ?? this.#defaults.wait } = options;
    signal?.throwIfAborted();
    const inner = within === undefined ? undefined : leaseWithin(this.#own(within), target);
    if (inner !== undefined) return inner;
    if (options.atomic === true && !this.#backend.takesTogether(target.keys)) throw notTogether(target.keys);
    const { keys, mode } = target;
    const request: AcquireRequest = {
      prefix: this.#prefix,
      keys,
      mode,
      token: newOwnerToken(),
      ttl: Math.min(ttl, maxHold),
      holder: this.#holder,
      meta,
      queue: wait !== 0,
    };
    const patience = new Patience(this.#backend.clock, wait, signal);
    return this.#deliver(request, this.#grant(request, patience), patience, { renew, minHold, maxHold });
  }

  /** The lease of what is being granted; `close` waits for it, and nobody gets it after that. */
  async #deliver(
    request: AcquireRequest,
    granting: Promise<Granted>,
    patience: Patience,
    terms: LeaseTerms,
  ): Promise<HeldLease> {
    const lease = this.#lease(request, granting, patience, terms);
    this.#acquiring.set(patience, lease);
    try {
      return await lease;
    } finally {
      this.#acquiring.delete(patience);
    }
  }

  /** @throws LockUsageError */
  #own(within: Lease): OuterLease {
    const { context } = within as Partial<OuterLease>;
    if (context === this.#leaseContext) return within as OuterLease;
    throw new LockUsageError(`within must be a lease that these locks granted, got ${show(within)}`);
  }

  async #lease(
    request: AcquireRequest,
    granting: Promise<Granted>,
    patience: Patience,
    terms: LeaseTerms,
  ): Promise<HeldLease> {
    const key = showKeys(request.keys);
    const granted = await granting;
    if (this.#closed !== undefined) {
      this.#undo(key, "withdraw", this.#backend.release(request));
      throw closedError();
    }
    const lease = new HeldLease(this.#leaseContext, request, granted, terms);
    this.#held.add(lease);
    this.#events.emit("acquired", { key, fencingToken: lease.fencingToken, waited: patience.waited });
    return lease;
  }

  #grant(request: AcquireRequest, patience: Patience): Promise<Granted> {
    const context = this.#acquireContext(request);
    if (this.#backend.takesTogether(request.keys)) return acquireLock(context, request, patience);
    const terms = { renew: true, minHold: 0, maxHold: Number.POSITIVE_INFINITY };
    return acquireInOrder(
      context,
      request,
      patience,
      (part, granted) => new HeldLease(this.#partContext, part, granted, terms),
    );
  }

  #acquireContext({ keys, mode }: AcquireRequest): AcquireContext {
    const key = showKeys(keys);
    const permits = mode.kind === "permits" ? mode.permits : 1;
    return {
      backend: this.#backend,
      contended: (holder) => this.#events.emit("contended", { key, holder }),
      permitsDiffer: (others) => this.#events.emit("permitsMismatch", { key, permits, others }),
      undo: (work) => this.#undo(key, "withdraw", work),
    };
  }

  /** Work that no caller waits for; `close` does. */
  #undo(key: string, operation: "withdraw" | "release", work: Promise<unknown>): void {
    const settled = work.catch((error: unknown) => {
      this.#events.emit("backendError", { key, operation, error: asBackendError(error, key) });
    });
    this.#undoing.add(settled);
    settled.finally(() => this.#undoing.delete(settled));
  }
}

function closedError(): LockUsageError {
  return new LockUsageError("these locks were closed; create new ones with createLocks()");
}

function notTogether(keys: Keys): LockUsageError {
  return new LockUsageError(
    `${JSON.stringify(showKeys(keys))} lie in different hash slots of a Redis Cluster and cannot be taken in one step: leave atomic out to take them in order, all or none`,
  );
}

function withSlot(lease: OuterLease): PoolLease {
  if (hasSlot(lease)) return lease;
  throw new LockUsageError("the lease given as within holds no slot of this pool");
}

function hasSlot(lease: OuterLease): lease is OuterLease & PoolLease {
  return lease.slot !== undefined;
}

import { hostname } from "node:os";
import { type AcquireContext, acquireLock } from "./acquire.ts";
import type { AcquireRequest, LockBackend, LockState } from "./backend.ts";
import { asBackendError, LockTimeoutError, LockUsageError } from "./errors.ts";
import { Events, type LockEventName, type LockListener } from "./events.ts";
import { checkKey, checkPrefix } from "./key.ts";
import { matcher } from "./key-match.ts";
import { HeldLease, type Lease, type LeaseContext } from "./lease.ts";
import {
  type AcquireOptions,
  checkAcquireOptions,
  checkDuration,
  checkHolder,
  checkWait,
  DEFAULT_MAX_TTL,
  type Wait,
} from "./options.ts";
import { newOwnerToken } from "./owner-token.ts";
import { Patience } from "./patience.ts";
import { show } from "./show.ts";

/** Options of `createLocks`. Durations are milliseconds. */
export interface LocksOptions {
  /** What grants the leases: `ioredisBackend`, `nodeRedisBackend` or `inProcessBackend`. */
  readonly backend: LockBackend;
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

/** What can be locked. */
export interface Lockable {
  /**
   * Waits for the key and resolves with its lease.
   * @throws LockTimeoutError, LockBackendError, LockUsageError, or `options.signal.reason`
   */
  acquire(key: string, options?: AcquireOptions): Promise<Lease>;
  /**
   * Resolves with the lease, or with null when the key is busy. Waits only when `options.wait` says so.
   * @throws LockBackendError, LockUsageError, or `options.signal.reason`
   */
  tryAcquire(key: string, options?: AcquireOptions): Promise<Lease | null>;
  /**
   * Acquires, runs `fn`, releases. Settles as `fn` does: a release that fails never masks its result or error.
   * @throws what `acquire` throws
   */
  using<T>(key: string, fn: (lease: Lease) => T | Promise<T>): Promise<T>;
  using<T>(key: string, options: AcquireOptions, fn: (lease: Lease) => T | Promise<T>): Promise<T>;
}

/** Locks of one namespace on one backend. */
export interface Locks extends Lockable {
  /** Who holds the key and who waits for it; null when it is free. @throws LockBackendError, LockUsageError */
  inspect(key: string): Promise<LockState | null>;
  /**
   * All keys that are held, in no order. `match` narrows them: `*` stands for any characters, all else is
   * literal.
   * @throws LockBackendError, LockUsageError
   */
  list(options?: { readonly match?: string }): AsyncIterable<LockState>;
  /**
   * Takes the key from whoever holds it; its holder learns by its next extend. With `token`, as `inspect` shows
   * it, only from that owner. Whether it did.
   * @throws LockBackendError, LockUsageError
   */
  forceRelease(key: string, options?: { readonly token?: string }): Promise<boolean>;
  /** Listens to an event; the returned function stops it. */
  on<Name extends LockEventName>(event: Name, listener: LockListener<Name>): () => void;
  /**
   * Ends all waiting (with LockUsageError), releases all leases, and closes what the backend opened itself;
   * the user's client stays open. Takes at most half a second, whatever the backend does.
   */
  close(): Promise<void>;
}

const CLOSE_PATIENCE = 500;
const DEFAULT_TTL = 30_000;
const DEFAULT_WAIT = 10_000;
/** What `inspect` shows of a token; fewer characters could name two. */
const SHORTEST_TOKEN = 8;

/**
 * Makes the locks of one namespace.
 * @throws LockUsageError
 */
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
  readonly #leaseContexts: { readonly renewed: LeaseContext; readonly fixed: LeaseContext };
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
    this.#leaseContexts = { renewed: this.#leaseContext(true), fixed: this.#leaseContext(false) };
  }

  async acquire(key: string, options: AcquireOptions = {}): Promise<Lease> {
    return this.#acquire(key, options, this.#defaults.wait);
  }

  async tryAcquire(key: string, options: AcquireOptions = {}): Promise<Lease | null> {
    try {
      return await this.#acquire(key, options, 0);
    } catch (error) {
      if (error instanceof LockTimeoutError) return null;
      throw error;
    }
  }

  using<T>(key: string, fn: (lease: Lease) => T | Promise<T>): Promise<T>;
  using<T>(key: string, options: AcquireOptions, fn: (lease: Lease) => T | Promise<T>): Promise<T>;
  async using<T>(
    key: string,
    ...rest: [(lease: Lease) => T | Promise<T>] | [AcquireOptions, (lease: Lease) => T | Promise<T>]
  ): Promise<T> {
    const [options, fn] = rest.length === 1 ? [{}, rest[0]] : rest;
    if (typeof fn !== "function") throw new LockUsageError(`using needs a function to run, got ${show(fn)}`);
    const lease = await this.#acquire(key, options, this.#defaults.wait);
    try {
      return await fn(lease);
    } finally {
      await lease[Symbol.asyncDispose]();
    }
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

  async #acquire(key: string, options: AcquireOptions, defaultWait: Wait): Promise<Lease> {
    checkKey(key);
    checkAcquireOptions(options, this.#maxTtl);
    this.#assertOpen();
    const { signal, meta, renew = true } = options;
    const { ttl = this.#defaults.ttl, wait = defaultWait } = options;
    signal?.throwIfAborted();
    const request: AcquireRequest = {
      prefix: this.#prefix,
      key,
      token: newOwnerToken(),
      ttl,
      holder: this.#holder,
      meta,
      queue: wait !== 0,
    };
    const patience = new Patience(this.#backend.clock, wait, signal);
    const acquiring = this.#lease(request, patience, renew);
    this.#acquiring.set(patience, acquiring);
    try {
      return await acquiring;
    } finally {
      this.#acquiring.delete(patience);
    }
  }

  async #lease(request: AcquireRequest, patience: Patience, renew: boolean): Promise<Lease> {
    const { key } = request;
    const granted = await acquireLock(this.#acquireContext(key), request, patience);
    if (this.#closed !== undefined) {
      this.#undo(key, "withdraw", this.#backend.release(request));
      throw closedError();
    }
    const { fencingToken } = granted;
    const context = renew ? this.#leaseContexts.renewed : this.#leaseContexts.fixed;
    const lease = new HeldLease(context, request, granted);
    this.#held.add(lease);
    this.#events.emit("acquired", { key, fencingToken, waited: patience.waited });
    return lease;
  }

  #acquireContext(key: string): AcquireContext {
    return {
      backend: this.#backend,
      contended: (holder) => this.#events.emit("contended", { key, holder }),
      undo: (work) => this.#undo(key, "withdraw", work),
    };
  }

  #leaseContext(renew: boolean): LeaseContext {
    return {
      backend: this.#backend,
      events: this.#events,
      renew,
      checkTtl: (ttl) => checkDuration("ttl", ttl, 1, this.#maxTtl),
      ended: (lease) => void this.#held.delete(lease),
      undo: (key, work) => this.#undo(key, "release", work),
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

import type {
  AcquireOutcome,
  AcquireRequest,
  Busy,
  ExtendOutcome,
  Granted,
  HolderState,
  LockBackend,
  LockName,
  LockState,
  Ownership,
  ReleaseOutcome,
} from "../../backend.ts";
import { type Clock, elapsed, type Instant, systemClock, type Timer } from "../../clock.ts";

/** Options of the in-process backend. */
export interface InProcessBackendOptions {
  /** For tests. Default: the machine's clock. */
  readonly clock?: Clock;
}

interface Grant {
  readonly request: AcquireRequest;
  readonly fencingToken: number;
  readonly grantedAt: Instant;
  since: Instant;
  ttl: number;
}

interface Waiter {
  readonly request: AcquireRequest;
  resolve: ((granted: Granted | null) => void) | undefined;
}

/** A key that is held or waited for. */
interface Entry {
  grant: Grant | undefined;
  readonly waiters: Map<string, Waiter>;
  timer: Timer | undefined;
}

const TOKEN_SHOWN = 8;
const WAITERS_SHOWN = 100;

/**
 * Grants leases within this process: for tests, development, and services of a single process. It keeps every
 * promise of the Redis backend, with this process's clock as the server's.
 */
export class InProcessBackend implements LockBackend {
  readonly name = "in-process";
  readonly requestTimeout = 0;
  readonly clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #lastFence = 0;

  constructor(options: InProcessBackendOptions = {}) {
    this.clock = options.clock ?? systemClock;
  }

  async attempt(request: AcquireRequest): Promise<AcquireOutcome> {
    const entry = this.#entry(request);
    const { grant } = entry;
    if (grant?.request.token === request.token) return granted(grant);
    if (grant === undefined && entry.waiters.size === 0) return this.#grant(entry, request);
    if (request.queue && !entry.waiters.has(request.token)) {
      entry.waiters.set(request.token, { request, resolve: undefined });
    }
    return this.#busy(grant);
  }

  hint(request: AcquireRequest): Promise<Granted | null> {
    const { grant, waiters } = this.#entry(request);
    if (grant?.request.token === request.token) return Promise.resolve(granted(grant));
    const waiter = waiters.get(request.token);
    if (waiter === undefined) return Promise.resolve(null);
    return new Promise((resolve) => {
      waiter.resolve = resolve;
    });
  }

  async withdraw(request: AcquireRequest): Promise<void> {
    const entry = this.#entry(request);
    entry.waiters.get(request.token)?.resolve?.(null);
    entry.waiters.delete(request.token);
    if (entry.grant?.request.token === request.token) this.#free(entry);
    this.#tidy(request, entry);
  }

  async extend(held: Ownership, ttl: number): Promise<ExtendOutcome> {
    const entry = this.#entry(held);
    const { grant } = entry;
    if (grant === undefined || grant.request.token !== held.token) {
      this.#tidy(held, entry);
      return { status: "lost", reason: grant === undefined ? "expired" : "stolen" };
    }
    if (this.#left(grant) < ttl) {
      grant.since = this.clock.now();
      grant.ttl = ttl;
      this.#arm(entry);
    }
    return { status: "renewed", since: grant.since, ttl: grant.ttl };
  }

  async release(held: Ownership): Promise<ReleaseOutcome> {
    const entry = this.#entry(held);
    const owned = entry.grant?.request.token === held.token;
    if (owned) this.#free(entry);
    this.#tidy(held, entry);
    return owned ? "released" : "notHeld";
  }

  async forceRelease(name: LockName, token = ""): Promise<boolean> {
    const entry = this.#entry(name);
    const owned = entry.grant?.request.token.startsWith(token) ?? false;
    if (owned) this.#free(entry);
    this.#tidy(name, entry);
    return owned;
  }

  async inspect(name: LockName): Promise<LockState | null> {
    const entry = this.#entry(name);
    this.#tidy(name, entry);
    if (entry.grant === undefined) return null;
    const waiters = [...entry.waiters.values()].slice(0, WAITERS_SHOWN);
    return {
      key: name.key,
      mode: "exclusive",
      holders: [this.#holderState(entry.grant)],
      waiters: waiters.map(({ request: { token, holder, meta = {} } }) => ({
        token: token.slice(0, TOKEN_SHOWN),
        holder,
        meta,
      })),
      waiting: entry.waiters.size,
    };
  }

  async *list(prefix: string): AsyncIterable<LockState> {
    const keys = [...this.#entries.values()].flatMap(({ grant }) =>
      grant === undefined ? [] : [grant.request],
    );
    for (const request of keys) {
      const state = request.prefix === prefix ? await this.inspect(request) : null;
      if (state !== null) yield state;
    }
  }

  async close(): Promise<void> {}

  /** The entry of a name, with an expired grant already handed on: timers may be late. */
  #entry(name: LockName): Entry {
    const entry = this.#entries.get(id(name)) ?? { grant: undefined, waiters: new Map(), timer: undefined };
    this.#entries.set(id(name), entry);
    if (entry.grant !== undefined && this.#left(entry.grant) <= 0) this.#free(entry);
    return entry;
  }

  #tidy(name: LockName, entry: Entry): void {
    if (entry.grant === undefined && entry.waiters.size === 0) this.#entries.delete(id(name));
  }

  #left(grant: Grant): number {
    return grant.ttl - elapsed(grant.since, this.clock.now());
  }

  #busy(grant: Grant | undefined): Busy {
    if (grant === undefined) return { status: "busy", holder: undefined };
    return { status: "busy", holder: { holder: grant.request.holder, remaining: this.#left(grant) } };
  }

  #grant(entry: Entry, request: AcquireRequest): Granted {
    const now = this.clock.now();
    // Microseconds of wall time, as the server mints them: the token grows also over a restart of the process.
    this.#lastFence = Math.max(this.#lastFence + 1, Math.floor(now.wall * 1_000));
    entry.grant = { request, fencingToken: this.#lastFence, grantedAt: now, since: now, ttl: request.ttl };
    this.#arm(entry);
    return granted(entry.grant);
  }

  /** Ends the grant, and hands the key to the first waiter. */
  #free(entry: Entry): void {
    entry.grant = undefined;
    entry.timer?.cancel();
    const [first] = entry.waiters.values();
    if (first === undefined) return;
    entry.waiters.delete(first.request.token);
    const handed = this.#grant(entry, first.request);
    first.resolve?.(handed);
  }

  #arm(entry: Entry): void {
    entry.timer?.cancel();
    const { grant } = entry;
    if (grant === undefined) return;
    entry.timer = this.clock.setTimer(() => {
      if (entry.grant !== undefined && this.#left(entry.grant) > 0) this.#arm(entry);
      else if (entry.grant !== undefined) this.#tidy(entry.grant.request, this.#entry(entry.grant.request));
    }, this.#left(grant));
  }

  #holderState(grant: Grant): HolderState {
    const { token, holder, meta = {} } = grant.request;
    return {
      token: token.slice(0, TOKEN_SHOWN),
      holder,
      fencingToken: grant.fencingToken,
      since: new Date(grant.grantedAt.wall),
      remaining: this.#left(grant),
      meta,
    };
  }
}

/** Prefixes hold no slash, so no two names meet. */
function id(name: LockName): string {
  return `${name.prefix}/${name.key}`;
}

function granted({ fencingToken, since, ttl }: Grant): Granted {
  return { status: "granted", fencingToken, since, ttl };
}

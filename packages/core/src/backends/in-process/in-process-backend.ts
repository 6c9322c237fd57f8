import type { Admin } from "../../contract/admin.ts";
import type {
  AcquireOutcome,
  AcquireRequest,
  Busy,
  Capabilities,
  Enrolment,
  ExtendOutcome,
  Granted,
  Membership,
  Ownership,
  QuorumNode,
  ReleaseOutcome,
  Vote,
} from "../../contract/backend.ts";
import { type Clock, elapsed, type Instant, systemClock } from "../../contract/clock.ts";
import { randomText } from "../../contract/host.ts";
import type { Messages } from "../../contract/messages.ts";
import type { LockName } from "../../contract/mode.ts";
import { checkOptionNames } from "../../contract/option-names.ts";
import { checkClock } from "../../contract/validate.ts";
import { InProcessAdmin } from "./admin.ts";
import { Entry, type Grant } from "./entry.ts";
import { Fences } from "./fences.ts";
import { InProcessMessages } from "./messages.ts";

/** Grants leases within this process. It may be a node of a quorum, in tests. */
export interface InProcessLockBackend extends QuorumNode {
  readonly name: "in-process";
  readonly capabilities: Capabilities & { readonly permits: true };
}

/** Options of the in-process backend. */
export interface InProcessBackendOptions {
  /** For tests. Default: the machine's clock. */
  readonly clock?: Clock;
}

/**
 * Grants leases within this process: for tests, development, and services of a single process. It keeps every
 * promise of the Redis backend, with this process's clock as the server's.
 */
export class InProcessBackend implements InProcessLockBackend {
  readonly name = "in-process";
  readonly requestTimeout = 0;
  readonly capabilities = { queue: true, permits: true, severalKeys: "always" } as const;
  readonly clock: Clock;
  readonly messages: Messages = new InProcessMessages();
  readonly admin: Admin;
  readonly #entries = new Map<string, Entry>();
  readonly #fences: Fences;
  /** By prefix: since when it is a member of a quorum, and after how many milliseconds it votes. */
  readonly #members = new Map<string, { readonly since: Instant; readonly after: number }>();
  readonly #id = randomText(12);

  constructor(options: InProcessBackendOptions = {}) {
    checkOptionNames("inProcessBackend", options, { clock: true }, "{ clock }");
    const { clock = systemClock } = options;
    checkClock(clock);
    this.clock = clock;
    this.#fences = new Fences(this.clock);
    this.admin = new InProcessAdmin({
      ids: () => [...this.#entries.keys()],
      entry: (name) => this.#entry(name),
      left: (grant) => this.#left(grant),
      serve: (name, entry) => this.#serve(name, entry),
      tidy: ({ prefix, key }, entry) => this.#tidy({ prefix, keys: [key] }, [entry]),
    });
  }

  async vote(request: AcquireRequest, fence: number): Promise<Vote> {
    const votesIn = this.#votesIn(request.prefix);
    if (votesIn !== 0) return { status: "abstained", isMember: votesIn !== undefined };
    return this.#attempt(request, fence);
  }

  async enroll(prefix: string, { votesIn }: Enrolment): Promise<Membership> {
    if (votesIn !== undefined && !this.#members.has(prefix)) {
      this.#members.set(prefix, { since: this.clock.now(), after: votesIn });
    }
    const left = this.#votesIn(prefix);
    return left === undefined ? { status: "stranger" } : { status: "member", id: this.#id, votesIn: left };
  }

  async tryAcquire(request: AcquireRequest): Promise<AcquireOutcome> {
    return this.#attempt(request, undefined);
  }

  #votesIn(prefix: string): number | undefined {
    const member = this.#members.get(prefix);
    return member && Math.max(0, member.after - elapsed(member.since, this.clock.now()));
  }

  #attempt(request: AcquireRequest, least: number | undefined): AcquireOutcome {
    const entries = this.#open(request);
    const otherPermits = otherPermitsIn(entries, request);
    const grant = this.#grantOf(entries, request);
    if (grant !== undefined) {
      if (least !== undefined && grant.fencingToken < least) {
        grant.fencingToken = this.#fence(request, least, true);
      }
      return { ...granted(grant), otherPermits };
    }
    if (request.queue) this.#enlist(entries, request);
    const outcome = this.#mayEnter(entries, request)
      ? this.#grant(entries, request, least)
      : this.#busy(entries, request);
    this.#tidy(request, entries);
    return { ...outcome, otherPermits };
  }

  waitForTurn(request: AcquireRequest): Promise<Granted | null> {
    const entries = this.#open(request);
    const grant = this.#grantOf(entries, request);
    if (grant !== undefined) return Promise.resolve(granted(grant));
    const waiter = entries[0].waiters.get(request.token);
    if (waiter === undefined) {
      this.#tidy(request, entries);
      return Promise.resolve(null);
    }
    return new Promise((resolve) => {
      waiter.resolve = resolve;
      this.#armAll(request, entries);
    });
  }

  async cancel(request: AcquireRequest): Promise<void> {
    const entries = this.#open(request);
    entries[0].waiters.get(request.token)?.resolve?.(null);
    for (const entry of entries) {
      entry.waiters.delete(request.token);
      entry.grants.delete(request.token);
    }
    this.#serveAll(request, entries);
  }

  async extend(held: AcquireRequest, ttl: number, fence = 0): Promise<ExtendOutcome> {
    const entries = this.#open(held);
    const grant = this.#grantOf(entries, held);
    if (grant === undefined) {
      const stolen = entries.some(({ grants }) => grants.size > 0 && !grants.has(held.token));
      this.#tidy(held, entries);
      return { status: "lost", reason: stolen ? "stolen" : "expired" };
    }
    if (fence > 0) this.#fences.raise(idsOf(held), fence);
    return this.#prolong(entries, grant, ttl);
  }

  async release(held: AcquireRequest, after = 0): Promise<ReleaseOutcome> {
    const entries = this.#open(held);
    const grant = this.#grantOf(entries, held);
    if (grant === undefined || after === 0) {
      this.#drop(held, entries, held.token);
      return grant === undefined ? "notHeld" : "released";
    }
    grant.since = this.clock.now();
    grant.ttl = after;
    this.#armAll(held, entries, grant);
    return "released";
  }

  handOff(): string {
    return "";
  }

  async adopt(request: AcquireRequest, from: string): Promise<ExtendOutcome> {
    const entries = this.#open(request);
    const own = this.#grantOf(entries, request);
    const grant = own ?? this.#grantOf(entries, { ...request, token: from });
    if (grant === undefined) {
      const reason = entries[0].grants.size > 0 ? "stolen" : "expired";
      this.#drop(request, entries, from);
      return { status: "lost", reason };
    }
    grant.request = request;
    for (const { grants } of entries) {
      grants.delete(from);
      grants.set(request.token, grant);
    }
    return this.#prolong(entries, grant, request.ttl);
  }

  async close(): Promise<void> {}

  #open(held: Pick<Ownership, "prefix" | "keys">): [Entry, ...Entry[]] {
    const [first, ...others] = held.keys.map((key) => this.#entry({ prefix: held.prefix, key }));
    return [first ?? new Entry(), ...others];
  }

  /** The entry of a name, with expired grants already handed on: timers may be late. */
  #entry(name: LockName): Entry {
    const entry = this.#entries.get(idOf(name)) ?? new Entry();
    this.#entries.set(idOf(name), entry);
    if (entry.next === undefined || this.#left(entry.next) > 0) return entry;
    entry.next = undefined;
    for (const grant of [...entry.grants.values()]) {
      if (this.#left(grant) <= 0) entry.grants.delete(grant.request.token);
    }
    this.#serve(name, entry);
    return this.#entry(name);
  }

  #tidy(held: Pick<Ownership, "prefix" | "keys">, entries: readonly Entry[]): void {
    for (const [index, entry] of entries.entries()) {
      const { grants, waiters } = entry;
      if (grants.size > 0 || waiters.size > 0) continue;
      entry.timer?.cancel();
      this.#entries.delete(idOf(nameOf(held, index)));
    }
  }

  #left(grant: Grant): number {
    return grant.ttl - elapsed(grant.since, this.clock.now());
  }

  /** The lease of a token, if it holds all keys; one that lost some of them has lost all. */
  #grantOf(entries: readonly [Entry, ...Entry[]], { token }: Pick<Ownership, "token">): Grant | undefined {
    return entries.every(({ grants }) => grants.has(token)) ? entries[0].grants.get(token) : undefined;
  }

  #enlist(entries: readonly Entry[], request: AcquireRequest): void {
    const waiter = { request, resolve: undefined };
    for (const entry of entries) {
      if (request.mode.kind === "permits" && entry.permits !== undefined) entry.limit(request.mode);
      if (!entry.waiters.has(request.token)) entry.waiters.set(request.token, waiter);
    }
  }

  /** Whether nobody who holds one of the keys, or waits for it in front of the request, is in its way. */
  #mayEnter(entries: readonly Entry[], request: AcquireRequest): boolean {
    return entries.every((entry) => {
      if (!entry.fits(request)) return false;
      for (const waiter of entry.waiters.values()) {
        if (waiter.request.token === request.token) break;
        if (entry.hinders(waiter.request, request)) return false;
      }
      return true;
    });
  }

  /** Who is in the way: who has the slot that is wanted, or else the one whose lease ends first. */
  #busy(entries: readonly Entry[], { mode }: AcquireRequest): Busy {
    const grants = entries.flatMap((entry) => [...entry.grants.values()]);
    const wanted = grants.find(
      ({ slot }) => mode.kind === "permits" && slot !== undefined && slot === mode.slot,
    );
    const [first] = grants.sort((a, b) => this.#left(a) - this.#left(b));
    const seen = wanted ?? first;
    return { status: "busy", holder: seen && { holder: seen.request.holder, remaining: this.#left(seen) } };
  }

  #grant(entries: readonly [Entry, ...Entry[]], request: AcquireRequest, least?: number): Granted {
    const now = this.clock.now();
    const { mode, token, ttl } = request;
    const slot = entries[0].slotFor(mode);
    const fencingToken = this.#fence(request, least, false);
    const grant: Grant = { request, fencingToken, grantedAt: now, since: now, ttl, slot };
    for (const entry of entries) {
      entry.waiters.delete(token);
      if (mode.kind === "permits") entry.limit(mode);
      entry.grants.set(token, grant);
    }
    this.#armAll(request, entries, grant);
    return granted(grant);
  }

  #fence(request: AcquireRequest, least: number | undefined, raised: boolean): number {
    const shared = request.mode.kind === "shared";
    return this.#fences.mint(idsOf(request), { shared, least, raised });
  }

  #prolong(entries: readonly Entry[], grant: Grant, ttl: number): ExtendOutcome {
    if (this.#left(grant) < ttl) {
      grant.since = this.clock.now();
      grant.ttl = ttl;
      this.#armAll(grant.request, entries, grant);
    }
    return { status: "renewed", since: grant.since, ttl: grant.ttl };
  }

  /** Ends what a token holds: all keys, or those that are left of several of which one was lost. */
  #drop(held: Ownership, entries: readonly Entry[], token: string): void {
    for (const { grants } of entries) grants.delete(token);
    this.#serveAll(held, entries);
  }

  #serveAll(held: Pick<Ownership, "prefix" | "keys">, entries: readonly Entry[]): void {
    for (const [index, entry] of entries.entries()) this.#serve(nameOf(held, index), entry);
  }

  /** Grants the key to those who come next, until one of them has to wait. */
  #serve(name: LockName, entry: Entry): void {
    for (const { request, resolve } of entry.waiters.values()) {
      const entries = this.#open(request);
      if (this.#mayEnter(entries, request)) {
        const grant = this.#grant(entries, request);
        resolve?.(grant);
      } else if (entry.hinders(request, request)) break;
    }
    this.#arm(name, entry);
    this.#tidy({ prefix: name.prefix, keys: [name.key] }, [entry]);
  }

  #armAll(held: Ownership, entries: readonly Entry[], changed?: Grant): void {
    for (const [index, entry] of entries.entries()) this.#arm(nameOf(held, index), entry, changed);
  }

  /**
   * Sets the timer to the next end of a grant, after one of them was given or changed, or any of them went. It keeps the
   * process alive while there are waiters.
   */
  #arm(name: LockName, entry: Entry, changed?: Grant): void {
    const { next, grants } = entry;
    const keepAlive = entry.waiters.size > 0;
    const stands = next !== undefined && next !== changed && grants.has(next.request.token);
    const isFirst = stands && (changed === undefined || this.#left(next) <= this.#left(changed));
    if (isFirst && entry.keepsAlive === keepAlive) return;
    entry.timer?.cancel();
    entry.next = undefined;
    entry.keepsAlive = keepAlive;
    for (const grant of grants.values()) {
      if (entry.next === undefined || this.#left(grant) < this.#left(entry.next)) entry.next = grant;
    }
    if (entry.next === undefined) return;
    entry.timer = this.clock.setTimer(
      () => {
        const due = this.#entry(name);
        due.next = undefined;
        this.#arm(name, due);
        this.#tidy({ prefix: name.prefix, keys: [name.key] }, [due]);
      },
      this.#left(entry.next),
      keepAlive,
    );
  }
}

/** Prefixes hold no slash, so no two names meet. */
function idOf(name: LockName): string {
  return `${name.prefix}/${name.key}`;
}

function idsOf({ prefix, keys }: Pick<Ownership, "prefix" | "keys">): string[] {
  return keys.map((key) => idOf({ prefix, key }));
}

function nameOf({ prefix, keys }: Pick<Ownership, "prefix" | "keys">, index: number): LockName {
  return { prefix, key: keys[index] ?? keys[0] };
}

function granted({ fencingToken, since, ttl, slot }: Grant): Granted {
  return { status: "granted", fencingToken, since, ttl, slot };
}

function otherPermitsIn([entry]: readonly [Entry, ...Entry[]], { mode }: AcquireRequest): number | undefined {
  const others = entry.permits;
  return mode.kind === "permits" && others !== mode.permits ? others : undefined;
}

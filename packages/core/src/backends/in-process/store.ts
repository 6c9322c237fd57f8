import type {
  AcquireRequest,
  Busy,
  Granted,
  NewHolder,
  Ownership,
  ReleaseTerms,
  Renewed,
} from "../../contract/backend.ts";
import { type Clock, elapsed, shift } from "../../contract/clock.ts";
import type { LockName } from "../../contract/mode.ts";
import { Entry, type Grant } from "./entry.ts";
import { Fences } from "./fences.ts";

/** All locks of a backend: who holds them, who waits for them, and what is due next. */
export class Store {
  readonly #entries = new Map<string, Entry>();
  readonly #fences: Fences;
  #lastPlace = 0;

  constructor(private readonly clock: Clock) {
    this.#fences = new Fences(clock);
  }

  /** Of all that are held or waited for: `<prefix>/<key>`. */
  ids(): string[] {
    return [...this.#entries.keys()];
  }

  /** Later grants of the keys have larger fencing tokens. */
  raise(held: Ownership, fence: number): void {
    this.#fences.raise(idsOf(held), fence);
  }

  /** Notes who has a lease by now; the fencing tokens that were reserved for those who come next. */
  confirm(grant: Grant, held: AcquireRequest, { fence, heldFor, reserve }: NewHolder): Renewed["fences"] {
    const wanted = { shared: false, least: undefined, raised: false, count: reserve };
    const first = reserve > 0 ? this.#fences.mint(idsOf(held), wanted) : undefined;
    grant.request = held;
    grant.fencingToken = fence ?? first ?? grant.fencingToken;
    grant.grantedAt = shift(this.clock.now(), -heldFor);
    return first === undefined ? undefined : { first, last: first + reserve - 1 };
  }

  giveBack(held: Ownership, fences: NonNullable<ReleaseTerms["fences"]>): void {
    for (const id of idsOf(held)) this.#fences.giveBack(id, fences);
  }

  /** The entries of all keys. */
  open(held: Pick<Ownership, "prefix" | "keys">): [Entry, ...Entry[]] {
    const [first, ...others] = held.keys.map((key) => this.entry({ prefix: held.prefix, key }));
    return [first ?? new Entry(), ...others];
  }

  /** The entry of a name, with expired grants already handed on: timers may be late. */
  entry(name: LockName): Entry {
    const entry = this.#entries.get(idOf(name)) ?? new Entry();
    this.#entries.set(idOf(name), entry);
    if (entry.next === undefined || this.left(entry.next) > 0) return entry;
    entry.next = undefined;
    for (const grant of [...entry.grants.values()]) {
      if (this.left(grant) <= 0) entry.grants.delete(grant.request.token);
    }
    this.serve(name, entry);
    return this.entry(name);
  }

  /** Forgets what nobody holds or waits for. */
  tidy(name: LockName, entry: Entry): void {
    const { grants, waiters } = entry;
    if (grants.size > 0 || waiters.size > 0) return;
    entry.timer?.cancel();
    this.#entries.delete(idOf(name));
  }

  tidyAll(held: Pick<Ownership, "prefix" | "keys">, entries: readonly Entry[]): void {
    for (const [index, entry] of entries.entries()) this.tidy(nameOf(held, index), entry);
  }

  /** Milliseconds until it ends. */
  left(grant: Grant): number {
    return grant.ttl - elapsed(grant.since, this.clock.now());
  }

  /** The lease of a token, if it holds all keys; one that lost some of them has lost all. */
  grantOf(entries: readonly [Entry, ...Entry[]], { token }: Pick<Ownership, "token">): Grant | undefined {
    return entries.every(({ grants }) => grants.has(token)) ? entries[0].grants.get(token) : undefined;
  }

  /** Puts a request in the queue of each of its keys. */
  enlist(entries: readonly Entry[], request: AcquireRequest): void {
    const waiter = { request, place: this.#placeOf(request), resolve: undefined };
    for (const entry of entries) {
      if (request.mode.kind === "permits" && entry.permits !== undefined) entry.limit(request.mode);
      if (!entry.waiters.has(request.token)) entry.enlist(waiter);
    }
  }

  #placeOf({ place }: AcquireRequest): number {
    if (place !== undefined) return place;
    this.#lastPlace += 1;
    return this.#lastPlace;
  }

  /** Whether nobody who holds one of the keys, or waits for it in front of the request, is in its way. */
  mayEnter(entries: readonly Entry[], request: AcquireRequest): boolean {
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
  busy(entries: readonly [Entry, ...Entry[]], { mode, token }: AcquireRequest): Busy {
    const grants = entries.flatMap((entry) => [...entry.grants.values()]);
    const wanted = grants.find(
      ({ slot }) => mode.kind === "permits" && slot !== undefined && slot === mode.slot,
    );
    const [first] = grants.sort((a, b) => this.left(a) - this.left(b));
    const seen = wanted ?? first;
    const place = entries[0].waiters.get(token)?.place;
    return {
      status: "busy",
      place,
      holder: seen && { holder: seen.request.holder, remaining: this.left(seen) },
    };
  }

  grant(entries: readonly [Entry, ...Entry[]], request: AcquireRequest, least?: number): Granted {
    const now = this.clock.now();
    const { mode, token, ttl } = request;
    const slot = entries[0].slotFor(mode);
    const fencingToken = this.fence(request, least, false);
    const lastFence = fencingToken + (request.waiters ?? 1) - 1;
    const place = entries[0].waiters.get(token)?.place ?? this.#placeOf(request);
    const grant: Grant = { request, fencingToken, lastFence, place, grantedAt: now, since: now, ttl, slot };
    for (const entry of entries) {
      entry.waiters.delete(token);
      if (mode.kind === "permits") entry.limit(mode);
      entry.grants.set(token, grant);
    }
    this.armAll(request, entries, grant);
    return granted(grant);
  }

  fence(request: AcquireRequest, least: number | undefined, raised: boolean): number {
    const shared = request.mode.kind === "shared";
    const count = raised ? 1 : (request.waiters ?? 1);
    return this.#fences.mint(idsOf(request), { shared, least, raised, count });
  }

  prolong(entries: readonly Entry[], grant: Grant, ttl: number): Renewed {
    if (this.left(grant) < ttl) {
      grant.since = this.clock.now();
      grant.ttl = ttl;
      this.armAll(grant.request, entries, grant);
    }
    return { status: "renewed", since: grant.since, ttl: grant.ttl };
  }

  /** Ends what a token holds: all keys, or those that are left of several of which one was lost. */
  drop(held: Ownership, entries: readonly Entry[], token: string): void {
    for (const { grants } of entries) grants.delete(token);
    this.serveAll(held, entries);
  }

  serveAll(held: Pick<Ownership, "prefix" | "keys">, entries: readonly Entry[]): void {
    for (const [index, entry] of entries.entries()) this.serve(nameOf(held, index), entry);
  }

  /** Grants the key to those who come next, until one of them has to wait. */
  serve(name: LockName, entry: Entry): void {
    for (const { request, resolve } of entry.waiters.values()) {
      const entries = this.open(request);
      if (this.mayEnter(entries, request)) {
        const grant = this.grant(entries, request);
        resolve?.(grant);
      } else if (entry.hinders(request, request)) break;
    }
    this.arm(name, entry);
    this.tidy(name, entry);
  }

  armAll(held: Ownership, entries: readonly Entry[], changed?: Grant): void {
    for (const [index, entry] of entries.entries()) this.arm(nameOf(held, index), entry, changed);
  }

  /**
   * Sets the timer to the next end of a grant, after one of them was given or changed, or any of them went. It keeps the
   * process alive while there are waiters.
   */
  arm(name: LockName, entry: Entry, changed?: Grant): void {
    const { next, grants } = entry;
    const keepAlive = entry.waiters.size > 0;
    const stands = next !== undefined && next !== changed && grants.has(next.request.token);
    const isFirst = stands && (changed === undefined || this.left(next) <= this.left(changed));
    if (isFirst && entry.keepsAlive === keepAlive) return;
    entry.timer?.cancel();
    entry.next = undefined;
    entry.keepsAlive = keepAlive;
    for (const grant of grants.values()) {
      if (entry.next === undefined || this.left(grant) < this.left(entry.next)) entry.next = grant;
    }
    if (entry.next === undefined) return;
    entry.timer = this.clock.setTimer(
      () => {
        const due = this.entry(name);
        due.next = undefined;
        this.arm(name, due);
        this.tidy(name, due);
      },
      this.left(entry.next),
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

export function granted({ fencingToken, lastFence, place, since, ttl, slot }: Grant): Granted {
  return { status: "granted", fencingToken, lastFence, place, since, ttl, slot };
}

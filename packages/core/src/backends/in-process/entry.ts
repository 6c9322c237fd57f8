import type { AcquireRequest, Granted } from "../../contract/backend.ts";
import type { Instant, Timer } from "../../contract/clock.ts";
import type { PermitsMode } from "../../contract/mode.ts";
import { sortByPlace } from "../../contract/places.ts";

/** A lease: the same object stands in the entry of each of its keys. */
export interface Grant {
  request: AcquireRequest;
  fencingToken: number;
  /** The last token that was reserved with the grant. */
  readonly lastFence: number;
  readonly place: number;
  grantedAt: Instant;
  readonly slot: number | undefined;
  since: Instant;
  ttl: number;
}

export interface Waiter {
  readonly request: AcquireRequest;
  /** The waiter with the smallest place is served first. */
  readonly place: number;
  resolve: ((granted: Granted | null) => void) | undefined;
}

/** A key that is held or waited for, and the rules of who fits beside whom. */
export class Entry {
  readonly grants = new Map<string, Grant>();
  /** In the order of their places. */
  readonly waiters = new Map<string, Waiter>();
  #lastPlace = 0;
  /** The grant that ends first, and the timer for its end. */
  next: Grant | undefined;
  timer: Timer | undefined;
  /** Whether that timer keeps the process alive. */
  keepsAlive = false;
  #permits: number | undefined;

  /** Puts a waiter at its place: mostly that is the end. */
  enlist(waiter: Waiter): void {
    this.waiters.set(waiter.request.token, waiter);
    if (waiter.place < this.#lastPlace) sortByPlace(this.waiters, ({ place }) => place);
    else this.#lastPlace = waiter.place;
  }

  /** The smallest number of permits that was asked for since the key was free. */
  get permits(): number | undefined {
    return this.#holds("permits") ? this.#permits : undefined;
  }

  /** Notes that somebody holds it, or waits for it, with so many permits. */
  limit(mode: PermitsMode): void {
    this.#permits = this.#most(mode);
  }

  /** Whether those who hold it now leave room for the request. */
  fits({ mode }: AcquireRequest): boolean {
    const [held] = this.grants.values();
    if (held === undefined) return true;
    if (mode.kind === "exclusive" || mode.kind !== held.request.mode.kind) return false;
    return mode.kind === "shared" || (this.#hasRoom(mode) && this.#hasSlot(mode));
  }

  /** Whether one that has to wait keeps the request, which comes behind it, waiting as well. */
  hinders(waiter: AcquireRequest, request: AcquireRequest): boolean {
    if (waiter.mode.kind === "shared") return request.mode.kind !== "shared" || !this.fits(waiter);
    const wantsTakenSlot =
      waiter.mode.kind === "permits" && this.#holds("permits") && this.#hasRoom(waiter.mode);
    return !wantsTakenSlot;
  }

  /** The slot that a grant of the mode gets. */
  slotFor(mode: AcquireRequest["mode"]): number | undefined {
    if (mode.kind !== "permits" || mode.slot === undefined) return undefined;
    if (mode.slot !== "any") return mode.slot;
    const taken = this.#takenSlots();
    let slot = 1;
    while (taken.has(slot)) slot += 1;
    return slot;
  }

  #holds(kind: AcquireRequest["mode"]["kind"]): boolean {
    const [held] = this.grants.values();
    return held?.request.mode.kind === kind;
  }

  /** The smallest number of permits, with those of a mode. */
  #most({ permits }: PermitsMode): number {
    return Math.min(permits, this.permits ?? permits);
  }

  #hasRoom(mode: PermitsMode): boolean {
    return this.grants.size < this.#most(mode);
  }

  #hasSlot(mode: PermitsMode): boolean {
    const slot = this.slotFor(mode);
    if (slot === undefined) return true;
    return slot <= this.#most(mode) && !this.#takenSlots().has(slot);
  }

  #takenSlots(): Set<number | undefined> {
    return new Set([...this.grants.values()].map(({ slot }) => slot));
  }
}

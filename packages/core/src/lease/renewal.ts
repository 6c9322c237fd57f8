import type { ExtendOutcome, Granted, LockBackend } from "../contract/backend.ts";
import { elapsed, type Instant, ranFor, surelyElapsed } from "../contract/clock.ts";
import { asBackendError, type LockBackendError, type LostReason } from "../contract/errors.ts";
import { showKeys } from "../contract/key.ts";
import {
  atMost,
  longer,
  renewalDelay,
  retryPause,
  type Validity,
  validityLeft,
} from "../contract/validity.ts";
import { type Alarm, type Alarms, NOT_SET } from "./alarms.ts";
import type { Events } from "./events.ts";
import type { LeaseTerms } from "./terms.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** The lease that is kept. */
export interface Kept extends AsyncDisposable {
  readonly isHeld: boolean;
  /** It is over. */
  lose(reason: LostReason, loss: Loss): void;
}

/** How a lease was lost. */
export interface Loss {
  readonly because?: string;
  /** What the last extend failed with. */
  readonly fault?: LockBackendError | undefined;
  /** The server may keep keys of it for longer than it may be believed. */
  readonly mayStand: boolean;
}

/** What a renewal needs from its surroundings; one for all leases. */
export interface RenewalContext {
  readonly backend: LockBackend;
  readonly events: Events;
  readonly alarms: Alarms<Renewal>;
}

/** A timer that is later than this, in milliseconds, tells of a process that stood still. */
const STALL = 100;

/** A renewal may be so much of its time early: those whose alarms ring together travel together. */
const EARLY = 1 / 16;

/** When something is to be done. */
interface Due {
  readonly from: Instant;
  readonly after: number;
}

/**
 * The only renewal state machine: extends a lease in time, and tells it when its validity is over.
 *
 * Its one alarm rings at the next renewal or at the end of validity, whichever comes first. What may be believed is never
 * taken from the alarm, which a blocked event loop delays, but computed at the call.
 */
export class Renewal implements Alarm {
  slot = NOT_SET;
  #validity: Validity;
  #ttl: number;
  /** When the alarm is to ring. */
  #due: Due | undefined;
  /** When to extend next; undefined where it is not to be extended by itself. */
  #next: Due | undefined;
  #isExtending = false;
  /** Extends that failed since the last one that succeeded. */
  #faults = 0;
  #lastFault: LockBackendError | undefined;
  /** The earliest and the latest instant at which it can have been granted. */
  readonly #earliest: Instant;
  readonly #latest: Instant;

  constructor(
    private readonly context: RenewalContext,
    private readonly held: TrackedRequest,
    private readonly granted: Granted,
    private readonly terms: LeaseTerms,
    readonly lease: Kept,
  ) {
    this.#validity = atMost(granted, held.ttl, granted.since);
    this.#ttl = held.ttl;
    this.#earliest = granted.since;
    this.#latest = context.backend.clock.now();
    this.#next = this.#renewal(this.#validity, granted.since);
    this.arm(this.#latest);
  }

  /** Milliseconds that an extend asks for. */
  get ttl(): number {
    return this.#ttl;
  }

  /** Milliseconds that the lease may still be believed; not above 0 when it is over. */
  left(now: Instant): number {
    const left = validityLeft(this.#validity, now);
    const { maxHold } = this.terms;
    return maxHold === Number.POSITIVE_INFINITY
      ? left
      : Math.min(left, maxHold - elapsed(this.#earliest, now));
  }

  /** Milliseconds, as events tell them. */
  heldFor(now: Instant): number {
    return ranFor(this.#earliest, now);
  }

  /** Milliseconds for which a release still keeps the key. */
  minHoldLeft(now: Instant): number {
    return this.terms.minHold - surelyElapsed(this.#latest, now);
  }

  /** A ttl that does not reach beyond `maxHold`. */
  clipped(ttl: number, now: Instant): number {
    const left = this.terms.maxHold - elapsed(this.#earliest, now);
    return Math.max(1, Math.min(ttl, Math.ceil(left)));
  }

  /** Nothing is to be done any more. */
  stop(): void {
    this.context.alarms.cancel(this);
  }

  /** Sets the alarm to the next thing to do. */
  arm(now: Instant = this.#now()): void {
    const next = this.#isExtending ? undefined : this.#next;
    const renewal = next === undefined ? Number.POSITIVE_INFINITY : next.after - elapsed(next.from, now);
    const after = Math.max(0, Math.min(this.left(now), renewal));
    this.#due = { from: now, after };
    this.context.alarms.set(this, after, now.mono);
  }

  ring(): void {
    if (!this.lease.isHeld) return;
    const now = this.#now();
    if (this.left(now) <= 0) {
      this.end();
      return;
    }
    const next = this.#next;
    const isDue = next !== undefined && next.after - elapsed(next.from, now) <= next.after * EARLY;
    if (isDue && !this.#isExtending) void this.#renew();
    this.arm(now);
  }

  /**
   * The caller asks for an extend, which later renewals then ask for, too.
   * @throws LockBackendError
   */
  async extendTo(ttl: number): Promise<void> {
    this.#ttl = ttl;
    try {
      await this.#extend(ttl);
    } finally {
      if (this.lease.isHeld) this.arm();
    }
  }

  /** The validity has ended. */
  end(): void {
    const { maxHold, renew } = this.terms;
    const mayStand = true;
    if (this.#isLast(this.#validity)) {
      const because = `it was held for ${maxHold} ms, the longest that maxHold allows`;
      this.lease.lose("expired", { because, mayStand });
    } else if (renew && this.#stoodStill) this.lease.lose("stalled", { mayStand });
    else if (this.#isExtending || this.#faults > 0) {
      this.lease.lose("unreachable", { fault: this.#lastFault, mayStand });
    } else this.lease.lose(renew ? "stalled" : "expired", { mayStand });
  }

  async #renew(): Promise<void> {
    this.#isExtending = true;
    try {
      await this.#extend(this.#ttl);
    } catch {
      // Told by the extendFailed event; tried again until the validity ends.
    }
    this.#isExtending = false;
    if (this.lease.isHeld) this.arm();
  }

  async #extend(ttl: number): Promise<void> {
    const { backend } = this.context;
    const asked = this.#now();
    let outcome: ExtendOutcome;
    try {
      outcome = await backend.extend(this.held, this.clipped(ttl, asked));
    } catch (fault) {
      throw this.#failed(fault);
    }
    if (!this.lease.isHeld) return;
    const now = this.#now();
    // An answer that comes after the end revives nothing: others may have been told that the lease is over.
    if (this.left(now) <= 0) this.end();
    else if (outcome.status === "lost") {
      // One of several keys is enough to lose all: the others are not to be kept.
      this.lease.lose(outcome.reason, { mayStand: this.held.keys.length > 1 });
    } else {
      this.#faults = 0;
      this.#validity = longer(this.#validity, atMost(outcome, ttl, asked), now);
      this.#next = this.#renewal(this.#validity, asked);
      const { fencingToken } = this.granted;
      this.context.events.emit("extended", this.held, {
        fencingToken,
        validFor: Math.max(0, this.left(now)),
      });
    }
  }

  #failed(fault: unknown): LockBackendError {
    const error = asBackendError(fault, showKeys(this.held.keys));
    this.#faults += 1;
    this.#lastFault = error;
    if (this.#next !== undefined) this.#next = { from: this.#now(), after: retryPause(this.#faults) };
    if (this.lease.isHeld) {
      const { fencingToken } = this.granted;
      this.context.events.emit("extendFailed", this.held, { fencingToken, error });
    }
    return error;
  }

  /** `from`: when the server was asked last; it may have confirmed a validity that is older. */
  #renewal(validity: Validity, from: Instant): Due | undefined {
    if (!this.terms.renew) return undefined;
    // What maxHold cuts short is not renewed more often for that.
    const left = validity.ttl - elapsed(validity.since, from);
    return { from, after: renewalDelay(this.#isLast(validity) ? this.#ttl : left) };
  }

  /** Whether a validity reaches to the end that `maxHold` sets. */
  #isLast({ since, ttl }: Validity): boolean {
    return elapsed(this.#earliest, since) + ttl >= this.terms.maxHold;
  }

  /** Whether this process did not run when the alarm was due: answers may have come that it could not read. */
  get #stoodStill(): boolean {
    if (this.#due === undefined) return false;
    const { from, after } = this.#due;
    return elapsed(from, this.#now()) - after > STALL;
  }

  #now(): Instant {
    return this.context.backend.clock.now();
  }
}

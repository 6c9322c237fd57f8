import type { ExtendOutcome, Granted, Renewed } from "../contract/backend.ts";
import { elapsed, type Instant } from "../contract/clock.ts";
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
import { NOT_SET } from "./alarms.ts";
import { HoldTime } from "./hold-time.ts";
import type { KeepingAlarm, Kept, RenewalContext } from "./kept.ts";

/** A timer that is later than this, in milliseconds, tells of a process that stood still. */
const STALL = 100;

/** A renewal may be so much of its time early: those whose alarms ring together travel together. */
const EARLY = 1 / 16;

/** For so long after it was sent the word of a server is fresh, ms. */
const FRESH = 30;

/** A holder that others do not see yet is told to the server so long after its last word, ms: before that is old. */
const TELL_HOLDER_AFTER = 20;

/** When something is to be done. */
interface Due {
  readonly from: Instant;
  readonly after: number;
}

/**
 * The only renewal state machine: extends a lease in time, and tells it when its validity is over. Leases that a process
 * grants itself, one after the other, have the same owner token and so the same renewal.
 *
 * Its one alarm rings at the next renewal or at the end of validity, whichever comes first. What may be believed is never
 * taken from the alarm, which a blocked event loop delays, but computed at the call.
 */
export class Renewal implements KeepingAlarm {
  slot = NOT_SET;
  time: HoldTime;
  /** What the server confirmed last. */
  validity: Validity;
  /** The largest ttl that was asked for, ms. */
  longest: number;
  #lease: Kept;
  #ttl: number;
  /** When the newest command was sent that the server has answered. */
  #confirmedAt: Instant;
  /** Others still see who had the lease before. */
  #isMasked = false;
  /** When the alarm is to ring. */
  #due: Due | undefined;
  /** When to extend next; undefined where it is not to be extended by itself. */
  #next: Due | undefined;
  #isExtending = false;
  /** Extends that failed since the last one that succeeded. */
  #faults = 0;
  #lastFault: LockBackendError | undefined;

  constructor(
    private readonly context: RenewalContext,
    granted: Granted,
    lease: Kept,
  ) {
    const { ttl } = lease.held;
    const now = context.backend.clock.now();
    this.#lease = lease;
    this.time = new HoldTime(lease.terms, granted.since, now);
    this.validity = atMost(granted, ttl, granted.since);
    this.#ttl = ttl;
    this.longest = ttl;
    this.#confirmedAt = granted.since;
    this.#next = this.#plan();
    this.arm(now);
  }

  get lease(): Kept {
    return this.#lease;
  }

  /** Milliseconds that an extend asks for. */
  get ttl(): number {
    return this.#ttl;
  }

  /** Whether the server has confirmed it so lately that it may be granted to another one without a command. */
  isFresh(now: Instant): boolean {
    return this.left(now) > this.#lease.held.ttl / 2 && elapsed(this.#confirmedAt, now) < FRESH;
  }

  /** Milliseconds that the lease may still be believed; not above 0 when it is over. */
  left(now: Instant): number {
    return Math.min(validityLeft(this.validity, now), this.time.left(now));
  }

  /** Keeps the lease of another holder from now on. `isShown`: others see that it has it. */
  keep(lease: Kept, isShown: boolean): void {
    const now = this.#now();
    this.#lease = lease;
    this.time = new HoldTime(lease.terms, now, now);
    this.#ttl = lease.held.ttl;
    this.#isMasked = !isShown;
    this.#next = this.#plan();
    // Of many that come one after the other, the first has set it.
    if (this.slot === NOT_SET || !this.#isSetFor(this.#next)) this.arm(now);
  }

  /** The server has prolonged it, whoever has it by now. */
  heard(outcome: Renewed, ttl: number, asked: Instant): void {
    this.#faults = 0;
    this.#confirmedAt = asked;
    this.validity = longer(this.validity, atMost(outcome, ttl, asked), this.#now());
    this.#next = this.#plan();
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
    if (!this.#lease.isHeld) return;
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
    this.longest = Math.max(this.longest, ttl);
    try {
      await this.#extend(ttl);
    } finally {
      if (this.#lease.isHeld) this.arm();
    }
  }

  async look(): Promise<void> {
    const left = Math.ceil(this.left(this.#now()));
    // A fault is told, and has the next extend come soon.
    if (left > 0) await this.#extend(left, "stolen").catch(() => undefined);
    if (this.#lease.isHeld) this.arm();
  }

  /** The validity has ended. */
  end(): void {
    const { maxHold, renew } = this.#lease.terms;
    if (this.time.isFilledBy(this.validity)) {
      const because = `it was held for ${maxHold} ms, the longest that maxHold allows`;
      this.#lease.lose("expired", { because, mayStand: true });
    } else if (renew && this.#stoodStill) this.#lease.lose("stalled", { mayStand: true });
    else if (this.#isExtending || this.#faults > 0) {
      this.#lease.lose("unreachable", { fault: this.#lastFault, mayStand: true });
    } else this.#lease.lose(renew ? "stalled" : "expired", { mayStand: true });
  }

  async #renew(): Promise<void> {
    this.#isExtending = true;
    // A fault is told by the extendFailed event; it is tried again until the validity ends.
    await this.#extend(this.#ttl).catch(() => undefined);
    this.#isExtending = false;
    if (this.#lease.isHeld) this.arm();
  }

  /** `lostBy`: why it is lost where it is, if that is known better than by the server. */
  async #extend(ttl: number, lostBy?: LostReason): Promise<void> {
    const [asked, asking] = [this.#now(), this.#lease];
    let outcome: ExtendOutcome;
    try {
      outcome = await this.#ask(ttl, asked);
    } catch (fault) {
      throw this.#failed(fault);
    }
    // It may be the lease of another one by now: the answer is about what they share.
    const lease = this.#lease;
    if (!lease.isHeld) return;
    // An answer that comes after the end revives nothing: others may have been told that the lease is over.
    if (this.left(this.#now()) <= 0) this.end();
    else if (outcome.status === "lost") {
      // One of several keys is enough to lose all: the others are not to be kept.
      lease.lose(lostBy ?? outcome.reason, { mayStand: lease.held.keys.length > 1 });
    } else {
      if (lease === asking) this.#isMasked = false;
      lease.successors?.reserved(outcome.fences);
      this.heard(outcome, ttl, asked);
      const validFor = Math.max(0, this.left(this.#now()));
      this.context.events.emit("extended", lease.held, { fencingToken: lease.fencingToken, validFor });
    }
  }

  #ask(ttl: number, now: Instant): Promise<ExtendOutcome> {
    const { held, fencingToken, successors } = this.#lease;
    const { backend } = this.context;
    const clipped = this.time.clipped(ttl, now);
    if (!this.#isMasked || successors === undefined) return backend.extend(held, clipped);
    const holder = successors.newHolder(fencingToken, this.time.heldFor(now));
    return backend.extend(held, clipped, { holder });
  }

  #failed(fault: unknown): LockBackendError {
    const { held, fencingToken, isHeld } = this.#lease;
    const error = asBackendError(fault, showKeys(held.keys));
    this.#faults += 1;
    this.#lastFault = error;
    if (this.#next !== undefined) this.#next = { from: this.#now(), after: retryPause(this.#faults) };
    if (isHeld) this.context.events.emit("extendFailed", held, { fencingToken, error });
    return error;
  }

  /** When to extend next: the server may have confirmed a validity that is older than its last word. */
  #plan(): Due | undefined {
    const from = this.#confirmedAt;
    if (this.#isMasked) return { from, after: TELL_HOLDER_AFTER };
    if (!this.#lease.terms.renew) return undefined;
    const { since, ttl } = this.validity;
    // What maxHold cuts short is not renewed more often for that.
    const left = this.time.isFilledBy(this.validity) ? this.#ttl : ttl - elapsed(since, from);
    return { from, after: renewalDelay(left) };
  }

  /** Whether the alarm rings early enough. */
  #isSetFor(next: Due | undefined): boolean {
    if (next === undefined || this.#due === undefined) return false;
    return this.#due.from.mono + this.#due.after <= next.from.mono + next.after;
  }

  /** Whether this process did not run when the alarm was due: answers may have come that it could not read. */
  get #stoodStill(): boolean {
    return this.#due !== undefined && elapsed(this.#due.from, this.#now()) - this.#due.after > STALL;
  }

  #now(): Instant {
    return this.context.backend.clock.now();
  }
}

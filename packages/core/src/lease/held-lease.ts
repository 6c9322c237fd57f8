import { inspect } from "node:util";
import type { ExtendOutcome, Granted, LockBackend, ReleaseOutcome } from "../contract/backend.ts";
import type { Instant, Timer } from "../contract/clock.ts";
import { elapsed, ranFor, surelyElapsed } from "../contract/clock.ts";
import { asBackendError, type LockBackendError, LockLostError, type LostReason } from "../contract/errors.ts";
import { showKeys } from "../contract/key.ts";
import type { LockMode } from "../contract/mode.ts";
import { retry } from "../contract/retry.ts";
import {
  atMost,
  longer,
  renewalDelay,
  retryPause,
  type Validity,
  validityLeft,
} from "../contract/validity.ts";
import { type Events, tell } from "./events.ts";
import type { Lease, ReleaseResult } from "./lease.ts";
import { checkTicketOptions } from "./options.ts";
import { type LeaseTicket, type TicketOptions, writeTicket } from "./ticket.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** How a lease is kept. */
export interface LeaseTerms {
  readonly renew: boolean;
  /** Milliseconds. */
  readonly minHold: number;
  /** Milliseconds; may be infinite. */
  readonly maxHold: number;
  readonly onLost?: ((error: LockLostError) => void) | undefined;
}

/** What leases are kept by where nothing else is asked for. */
export const RENEWED: LeaseTerms = { renew: true, minHold: 0, maxHold: Number.POSITIVE_INFINITY };

/** What a lease needs from the `locks` that made it. */
export interface LeaseContext {
  readonly backend: LockBackend;
  readonly events: Events;
  /** @throws LockUsageError */
  checkTtl(ttl: number): void;
  /** The lease is over, in whatever way, and nothing of it is under way. */
  ended(lease: HeldLease): void;
  /** Frees what is held in the background, once that is possible: no caller waits for it. */
  cancel(held: TrackedRequest): void;
  /** A release has failed, and may be tried again. */
  faulted(fault: unknown): void;
  /** Runs work in the background that no caller waits for. */
  undo(held: TrackedRequest, work: Promise<unknown>): void;
}

type State =
  | { readonly name: "held" }
  | { readonly name: "lost"; readonly error: LockLostError }
  | { readonly name: "released"; readonly done: Promise<ReleaseResult> }
  | { readonly name: "handedOver" };

const HELD: State = { name: "held" };
const HANDED_OVER: State = { name: "handedOver" };
/** A release is tried again for this long when the backend cannot be reached. */
const RELEASE_PATIENCE = 1_000;
/** A timer that is later than this, in milliseconds, tells of a process that stood still. */
const STALL = 100;

/**
 * The only renewal state machine: held, until released or lost.
 *
 * Its one timer fires at the next renewal or at the end of validity, whichever comes first. What may be
 * believed is never taken from the timer, which a blocked event loop delays, but computed at the call.
 */
export class HeldLease implements Lease {
  readonly keys: TrackedRequest["keys"];
  readonly mode: LockMode;
  readonly token: string;
  readonly fencingToken: number;
  readonly slot: number | undefined;
  #state: State = HELD;
  #validity: Validity;
  #ttl: number;
  #timer: Timer | undefined;
  /** When the timer is to fire. */
  #due: { readonly from: Instant; readonly after: number } | undefined;
  #renewing = false;
  /** Extends that failed since the last one that succeeded. */
  #faults = 0;
  #lastFault: LockBackendError | undefined;
  /** When to extend next; undefined where it is not to be extended by itself. */
  #nextRenewal: { readonly from: Instant; readonly after: number } | undefined;
  #abort: AbortController | undefined;
  /** The last release has thrown: another one tries again. */
  #releaseFailed = false;
  /** A release was sent that was never answered: it may have come through. */
  #mayBeFree = false;
  /** The earliest and the latest instant at which it can have been granted. */
  readonly #granted: { readonly earliest: Instant; readonly latest: Instant };

  constructor(
    readonly context: LeaseContext,
    private readonly held: TrackedRequest,
    granted: Granted,
    private readonly terms: LeaseTerms,
  ) {
    this.keys = held.keys;
    this.mode = held.mode;
    this.token = held.token;
    this.fencingToken = granted.fencingToken;
    this.slot = granted.slot;
    this.#validity = atMost(granted, held.ttl, granted.since);
    this.#ttl = held.ttl;
    this.#granted = { earliest: granted.since, latest: context.backend.clock.now() };
    this.#nextRenewal = this.#renewal(this.#validity, granted.since);
    this.#arm();
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#state.name === "lost") this.#abort.abort(this.#state.error);
    }
    return this.#abort.signal;
  }

  get validFor(): number {
    if (this.#state.name !== "held") return 0;
    return Math.max(0, this.#left(this.context.backend.clock.now()));
  }

  assertHeld(): void {
    if (this.#state.name === "held" && this.validFor === 0) this.#overdue();
    if (this.#state.name === "lost") throw this.#state.error;
    if (this.#state.name === "released") throw this.#over("it was released");
    if (this.#state.name === "handedOver") throw this.#over("it was handed over by a ticket");
  }

  async extend(ttl: number = this.#ttl): Promise<void> {
    this.context.checkTtl(ttl);
    this.assertHeld();
    this.#ttl = ttl;
    try {
      await this.#extend(ttl);
    } finally {
      if (this.#state.name === "held") this.#arm();
    }
    this.assertHeld();
  }

  release(): Promise<ReleaseResult> {
    if (this.#state.name === "released" && !this.#releaseFailed) return this.#state.done;
    if (this.#state.name === "lost") return Promise.resolve("expired");
    if (this.#state.name === "handedOver") return Promise.resolve("handedOver");
    const done = this.#release();
    this.#end({ name: "released", done });
    return done;
  }

  toTicket(options: TicketOptions = {}): LeaseTicket {
    checkTicketOptions(options);
    this.assertHeld();
    const { backend, events } = this.context;
    const { fencingToken, held, slot, terms } = this;
    const now = backend.clock.now();
    const proof = this.letGo();
    events.emit("handedOver", held, { fencingToken, held: this.#heldFor(now) });
    const { prefix, keys, token, meta } = held;
    const mode = held.mode.kind === "permits" && slot !== undefined ? { ...held.mode, slot } : held.mode;
    return writeTicket({
      prefix,
      keys,
      token,
      mode,
      fencingToken,
      meta,
      context: options.context,
      proof,
      ttl: this.#ttl,
      renew: terms.renew,
      minHold: Math.max(0, Math.ceil(this.#minHoldLeft(now))),
      maxHold: Number.isFinite(terms.maxHold) ? this.#clipped(terms.maxHold, now) : undefined,
    });
  }

  /** Becomes inert without freeing anything; returns what the next owner needs beside the token. */
  letGo(): string {
    this.#end(HANDED_OVER);
    return this.context.backend.handOff(this.held);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      // Throwing here would mask what the block returned or threw; the ttl ends the lease.
      const key = this.#key;
      this.context.events.emit("backendError", this.held, {
        operation: "release",
        error: asBackendError(error, key),
      });
    }
  }

  /** What logs and JSON show: not the owner token, which would let its reader act as the owner. */
  toJSON() {
    const { keys, slot, fencingToken, validFor } = this;
    return { keys, ...(slot === undefined ? {} : { slot }), fencingToken, validFor, state: this.#state.name };
  }

  [inspect.custom]() {
    return this.toJSON();
  }

  /** The keys as messages and events show them. */
  get #key(): string {
    return showKeys(this.keys);
  }

  #over(because: string): LockLostError {
    return new LockLostError(this.#key, "expired", { because });
  }

  /** Milliseconds that it may still be believed; not above 0 when it is over. */
  #left(now: Instant): number {
    const { maxHold } = this.terms;
    return Math.min(validityLeft(this.#validity, now), maxHold - elapsed(this.#granted.earliest, now));
  }

  /** A ttl that does not reach beyond `maxHold`. */
  #clipped(ttl: number, now: Instant): number {
    const left = this.terms.maxHold - elapsed(this.#granted.earliest, now);
    return Math.max(1, Math.min(ttl, Math.ceil(left)));
  }

  /** Milliseconds, as events tell them. */
  #heldFor(now: Instant): number {
    return ranFor(this.#granted.earliest, now);
  }

  #minHoldLeft(now: Instant): number {
    return this.terms.minHold - surelyElapsed(this.#granted.latest, now);
  }

  /** Frees the keys at the server, at once or when `minHold` is over. */
  #free(): Promise<ReleaseOutcome> {
    const { backend } = this.context;
    const keep = this.#minHoldLeft(backend.clock.now());
    return keep > 0 ? backend.retain(this.held, Math.ceil(keep)) : backend.release(this.held);
  }

  async #release(): Promise<ReleaseResult> {
    const { backend, events } = this.context;
    const { clock } = backend;
    const key = this.#key;
    this.#releaseFailed = false;
    const free = async () => {
      try {
        return await this.#free();
      } catch (error) {
        this.context.faulted(error);
        this.#mayBeFree ||= asBackendError(error, key).ambiguous;
        throw error;
      }
    };
    const isOver = (waited: number) => waited > RELEASE_PATIENCE;
    try {
      const outcome = await retry(clock, { key, keepAlive: true, isOver }, free);
      // After an unanswered try that came through, the key is not ours while our lease still stands.
      const came = this.#mayBeFree && this.#left(clock.now()) > 0;
      const isReleased = outcome === "released" || came;
      if (events.hears("released")) {
        const { fencingToken } = this;
        const outcome = isReleased ? "released" : "notHeld";
        events.emit("released", this.held, { fencingToken, outcome, held: this.#heldFor(clock.now()) });
      }
      return isReleased ? "released" : "expired";
    } catch (error) {
      const { retryable } = asBackendError(error, key);
      this.#releaseFailed = true;
      // The caller waits no longer, but after a failover others would, for as long as the ttl.
      if (retryable && this.#minHoldLeft(clock.now()) <= 0) {
        this.#mayBeFree = true;
        this.context.cancel(this.held);
      }
      throw error;
    } finally {
      this.context.ended(this);
    }
  }

  /** `from`: when the server was asked last; it may have confirmed a validity that is older. */
  #renewal(validity: Validity, from: Instant) {
    if (!this.terms.renew) return undefined;
    // What maxHold cuts short is not renewed more often for that.
    const left = validity.ttl - elapsed(validity.since, from);
    return { from, after: renewalDelay(this.#isLast(validity) ? this.#ttl : left) };
  }

  /** Whether a validity reaches to the end that `maxHold` sets. */
  #isLast({ since, ttl }: Validity): boolean {
    return elapsed(this.#granted.earliest, since) + ttl >= this.terms.maxHold;
  }

  /** Sets the timer to the next thing to do. */
  #arm(): void {
    this.#timer?.cancel();
    const now = this.context.backend.clock.now();
    const left = this.#left(now);
    const next = this.#renewing ? undefined : this.#nextRenewal;
    const renewal = next === undefined ? Number.POSITIVE_INFINITY : next.after - elapsed(next.from, now);
    const after = Math.max(0, Math.min(left, renewal));
    this.#due = { from: now, after };
    this.#timer = this.context.backend.clock.setTimer(() => this.#tick(), after);
  }

  #tick(): void {
    if (this.#state.name !== "held") return;
    const now = this.context.backend.clock.now();
    if (this.#left(now) <= 0) {
      this.#overdue();
      return;
    }
    const next = this.#nextRenewal;
    if (next !== undefined && !this.#renewing && elapsed(next.from, now) >= next.after) void this.#renew();
    this.#arm();
  }

  async #renew(): Promise<void> {
    this.#renewing = true;
    try {
      await this.#extend(this.#ttl);
    } catch {
      // Told by the extendFailed event; tried again until the validity ends.
    }
    this.#renewing = false;
    if (this.#state.name === "held") this.#arm();
  }

  async #extend(ttl: number): Promise<void> {
    const { backend, events } = this.context;
    const key = this.#key;
    const { fencingToken } = this;
    const asked = backend.clock.now();
    let outcome: ExtendOutcome;
    try {
      outcome = await backend.extend(this.held, this.#clipped(ttl, asked));
    } catch (fault) {
      const error = asBackendError(fault, key);
      this.#faults += 1;
      this.#lastFault = error;
      if (this.#nextRenewal !== undefined) {
        this.#nextRenewal = { from: backend.clock.now(), after: retryPause(this.#faults) };
      }
      if (this.#state.name === "held") events.emit("extendFailed", this.held, { fencingToken, error });
      throw error;
    }
    if (this.#state.name !== "held") return;
    const now = backend.clock.now();
    // An answer that comes after the end revives nothing: others may have been told that the lease is over.
    if (this.#left(now) <= 0) this.#overdue();
    else if (outcome.status === "lost") {
      this.#lose(outcome.reason);
      // One of several keys is enough to lose all: the others are not to be kept.
      if (this.keys.length > 1) this.context.undo(this.held, backend.release(this.held));
    } else {
      this.#faults = 0;
      this.#validity = longer(this.#validity, atMost(outcome, ttl, asked), now);
      this.#nextRenewal = this.#renewal(this.#validity, asked);
      events.emit("extended", this.held, { fencingToken, validFor: this.validFor });
    }
  }

  /** Its validity has ended. */
  #overdue(): void {
    const { maxHold, renew } = this.terms;
    if (this.#isLast(this.#validity)) {
      this.#lose("expired", `it was held for ${maxHold} ms, the longest that maxHold allows`);
    } else if (renew && this.#stoodStill) this.#lose("stalled");
    else if (this.#renewing || this.#faults > 0) this.#lose("unreachable");
    else this.#lose(renew ? "stalled" : "expired");
    // The server may keep it longer than we may believe it: do not let others wait for that.
    this.context.undo(this.held, this.#free());
  }

  /** Whether this process did not run when the timer was due: answers may have come that it could not read. */
  get #stoodStill(): boolean {
    if (this.#due === undefined) return false;
    const { from, after } = this.#due;
    return elapsed(from, this.context.backend.clock.now()) - after > STALL;
  }

  #lose(reason: LostReason, because?: string): void {
    const cause = reason === "unreachable" ? this.#lastFault : undefined;
    const error = new LockLostError(this.#key, reason, because === undefined ? { cause } : { because });
    this.#end({ name: "lost", error });
    this.#abort?.abort(error);
    if (this.terms.onLost !== undefined) tell(this.terms.onLost, error);
    const held = this.#heldFor(this.context.backend.clock.now());
    this.context.events.emit("lost", this.held, { fencingToken: this.fencingToken, reason, held });
  }

  #end(state: State): void {
    this.#state = state;
    this.#timer?.cancel();
    // A release is under way: `close` waits for it.
    if (state.name !== "released") this.context.ended(this);
  }
}

import { inspect } from "node:util";
import type { ExtendOutcome, Granted, LockBackend, Ownership } from "./backend.ts";
import type { Instant, Timer } from "./clock.ts";
import { elapsed } from "./clock.ts";
import { asBackendError, type LockBackendError, LockLostError, type LostReason } from "./errors.ts";
import type { Events } from "./events.ts";
import { longer, renewalDelay, retryPause, type Validity, validityLeft } from "./timing.ts";

/** One grant: what its holder may believe, and until when. */
export interface Lease extends AsyncDisposable {
  readonly keys: readonly string[];
  /** The owner token: random, unguessable, only its owner can extend or release. Do not log it. */
  readonly token: string;
  /** Grows with every grant of the key: send it with each write, and let the resource refuse a smaller one. */
  readonly fencingToken: number;
  /** Aborts with a `LockLostError` as soon as the lease is lost, at the latest when its validity ends. */
  readonly signal: AbortSignal;
  /** Milliseconds for which the lease may still be believed, computed now; 0 when it is lost or released. */
  readonly validFor: number;
  /** @throws LockLostError when the lease may not be believed any more, or was released */
  assertHeld(): void;
  /**
   * Prolongs the lease to at least `ttl` milliseconds from now (default: the ttl it was acquired with); never
   * shortens it. Later renewals use the same ttl.
   * @throws LockLostError, LockUsageError, or LockBackendError: the lease then stands until its validity ends
   */
  extend(ttl?: number): Promise<void>;
  /**
   * Frees the key. Idempotent. "expired": it was not ours any more, which is no error here.
   * @throws LockBackendError when the backend cannot be reached; the lease then ends with its ttl
   */
  release(): Promise<"released" | "expired">;
}

/** What a lease needs from the `locks` that made it. */
export interface LeaseContext {
  readonly backend: LockBackend;
  readonly events: Events;
  readonly renew: boolean;
  /** @throws LockUsageError */
  checkTtl(ttl: number): void;
  /** The lease is over, in whatever way. */
  ended(lease: HeldLease): void;
  /** Runs work in the background that no caller waits for. */
  undo(key: string, work: Promise<unknown>): void;
}

type State =
  | { readonly name: "held" }
  | { readonly name: "lost"; readonly error: LockLostError }
  | { readonly name: "released"; readonly done: Promise<"released" | "expired"> };

const HELD: State = { name: "held" };
/** A release is tried again for this long when the backend cannot be reached. */
const RELEASE_PATIENCE = 1_000;

/**
 * The only renewal state machine: held, until released or lost.
 *
 * Its one timer fires at the next renewal or at the end of validity, whichever comes first. What may be
 * believed is never taken from the timer, which a blocked event loop delays, but computed at the call.
 */
export class HeldLease implements Lease {
  readonly keys: readonly string[];
  readonly token: string;
  readonly fencingToken: number;
  #state: State = HELD;
  #validity: Validity;
  #ttl: number;
  #timer: Timer | undefined;
  #renewing = false;
  /** Extends that failed since the last one that succeeded. */
  #faults = 0;
  #lastFault: LockBackendError | undefined;
  /** When to extend next; undefined where it is not to be extended by itself. */
  #nextRenewal: { readonly from: Instant; readonly after: number } | undefined;
  #abort: AbortController | undefined;
  readonly #acquiredAt: Instant;

  constructor(
    private readonly context: LeaseContext,
    private readonly held: Ownership & { readonly ttl: number },
    granted: Granted,
  ) {
    this.keys = [held.key];
    this.token = held.token;
    this.fencingToken = granted.fencingToken;
    this.#validity = granted;
    this.#ttl = held.ttl;
    this.#acquiredAt = granted.since;
    this.#nextRenewal = this.#renewal(granted);
    if (granted.confirmAfter !== undefined) {
      this.#nextRenewal = { from: context.backend.clock.now(), after: granted.confirmAfter };
    }
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
    return Math.max(0, validityLeft(this.#validity, this.context.backend.clock.now()));
  }

  assertHeld(): void {
    if (this.#state.name === "held" && this.validFor === 0) this.#overdue();
    if (this.#state.name === "lost") throw this.#state.error;
    if (this.#state.name === "released") {
      throw new LockLostError(this.held.key, "expired", { because: "it was released" });
    }
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

  release(): Promise<"released" | "expired"> {
    if (this.#state.name === "released") return this.#state.done;
    if (this.#state.name === "lost") return Promise.resolve("expired");
    const done = this.#release();
    this.#end({ name: "released", done });
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      // Throwing here would mask what the block returned or threw; the ttl ends the lease.
      const { key } = this.held;
      this.context.events.emit("backendError", {
        key,
        operation: "release",
        error: asBackendError(error, key),
      });
    }
  }

  /** What logs and JSON show: not the owner token, which would let its reader act as the owner. */
  toJSON() {
    const { keys, fencingToken, validFor } = this;
    return { keys, fencingToken, validFor, state: this.#state.name };
  }

  [inspect.custom]() {
    return this.toJSON();
  }

  async #release(): Promise<"released" | "expired"> {
    const { backend, events } = this.context;
    const { clock } = backend;
    const start = clock.now();
    let unanswered = false;
    for (let faults = 0; ; faults++) {
      try {
        const outcome = await backend.release(this.held);
        const held = elapsed(this.#acquiredAt, clock.now());
        events.emit("released", { key: this.held.key, fencingToken: this.fencingToken, outcome, held });
        // After an unanswered try that came through, the key is not ours while our lease still stands.
        const came = unanswered && validityLeft(this.#validity, clock.now()) > 0;
        return outcome === "released" || came ? "released" : "expired";
      } catch (error) {
        const { retryable, ambiguous } = asBackendError(error, this.held.key);
        unanswered ||= ambiguous;
        if (!retryable || elapsed(start, clock.now()) > RELEASE_PATIENCE) throw error;
        await new Promise<void>((resume) => clock.setTimer(resume, retryPause(faults), true));
      }
    }
  }

  #renewal({ since, ttl }: Validity) {
    return this.context.renew ? { from: since, after: renewalDelay(ttl) } : undefined;
  }

  /** Sets the timer to the next thing to do. */
  #arm(): void {
    this.#timer?.cancel();
    const now = this.context.backend.clock.now();
    const left = validityLeft(this.#validity, now);
    const next = this.#renewing ? undefined : this.#nextRenewal;
    const renewal = next === undefined ? Number.POSITIVE_INFINITY : next.after - elapsed(next.from, now);
    this.#timer = this.context.backend.clock.setTimer(
      () => this.#tick(),
      Math.max(0, Math.min(left, renewal)),
    );
  }

  #tick(): void {
    if (this.#state.name !== "held") return;
    const now = this.context.backend.clock.now();
    if (validityLeft(this.#validity, now) <= 0) {
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
      // An extend never shortens: with a ttl of 1 it only confirms.
      await this.#extend(this.context.renew ? this.#ttl : 1);
    } catch {
      // Told by the extendFailed event; tried again until the validity ends.
    }
    this.#renewing = false;
    if (this.#state.name === "held") this.#arm();
  }

  async #extend(ttl: number): Promise<void> {
    const { backend, events } = this.context;
    const { key } = this.held;
    const { fencingToken } = this;
    let outcome: ExtendOutcome;
    try {
      outcome = await backend.extend(this.held, ttl);
    } catch (fault) {
      const error = asBackendError(fault, key);
      this.#faults += 1;
      this.#lastFault = error;
      if (this.#nextRenewal !== undefined) {
        this.#nextRenewal = { from: backend.clock.now(), after: retryPause(this.#faults) };
      }
      if (this.#state.name === "held") events.emit("extendFailed", { key, fencingToken, error });
      throw error;
    }
    if (this.#state.name !== "held") return;
    const now = backend.clock.now();
    // An answer that comes after the end revives nothing: others may have been told that the lease is over.
    if (validityLeft(this.#validity, now) <= 0) this.#overdue();
    else if (outcome.status === "lost") this.#lose(outcome.reason);
    else {
      this.#faults = 0;
      this.#validity = longer(this.#validity, outcome, now);
      this.#nextRenewal = this.#renewal(outcome);
      events.emit("extended", { key, fencingToken, validFor: this.validFor });
    }
  }

  /** Its validity has ended. */
  #overdue(): void {
    if (this.#renewing || this.#faults > 0) this.#lose("unreachable");
    else this.#lose(this.context.renew ? "stalled" : "expired");
    // The server may keep it longer than we may believe it: do not let others wait for that.
    this.context.undo(this.held.key, this.context.backend.release(this.held));
  }

  #lose(reason: LostReason): void {
    const cause = reason === "unreachable" ? this.#lastFault : undefined;
    const error = new LockLostError(this.held.key, reason, { cause });
    this.#end({ name: "lost", error });
    this.#abort?.abort(error);
    this.context.events.emit("lost", { key: this.held.key, fencingToken: this.fencingToken, reason });
  }

  #end(state: State): void {
    this.#state = state;
    this.#timer?.cancel();
    this.context.ended(this);
  }
}

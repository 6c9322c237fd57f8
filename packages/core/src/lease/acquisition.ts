import type { AcquireOutcome, AcquireRequest, Granted, LockBackend } from "../contract/backend.ts";
import {
  LockBackendError,
  LockTimeoutError,
  QuorumError,
  type SeenHolder,
  UnconfirmedGrantError,
} from "../contract/errors.ts";
import { showKeys } from "../contract/key.ts";
import { newOwnerToken } from "../contract/owner-token.ts";
import { Doubt } from "../contract/unexplained.ts";
import { pauseToRetry, validityLeft } from "../contract/validity.ts";
import type { AcquireContext } from "./acquire-context.ts";
import { type Cancellable, type Deadline, TIME_OVER } from "./deadline.ts";
import type { HeldLease } from "./held-lease.ts";
import type { LeaseTerms } from "./terms.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** The answer that somebody else has the key, or is before us. */
export const BUSY = "busy";

/** Whether a grant can still be believed when it is heard of. */
export function isValid({ clock }: LockBackend, granted: Granted): boolean {
  return validityLeft(granted, clock.now()) > 0;
}

/** What an acquire that is not granted at once has learned so far. */
export class Acquisition implements Cancellable {
  #request: TrackedRequest;
  /** The first attempt, where it was made already. */
  #made: Promise<AcquireOutcome> | undefined;
  #attempts = 0;
  #faults = 0;
  #lastFault: LockBackendError | undefined;
  /** Since the last answer. */
  #doubt: Doubt | undefined;
  #holder: SeenHolder | undefined;
  /** What was told of a busy key. */
  #told: "nothing" | "contended" | "waiting" = "nothing";
  /** The server has queued it, and has not been told otherwise. */
  #queued = false;
  #permitsDiffer = false;
  /** An attempt that is on its way, or that was sent and never answered, may still arrive. */
  #sent: "nothing" | "asking" | "unanswered" = "nothing";
  #isCancelled = false;
  #undone = false;

  constructor(
    private readonly context: AcquireContext,
    request: TrackedRequest,
    private readonly deadline: Deadline,
    private readonly terms: LeaseTerms,
    made: Promise<AcquireOutcome> | undefined,
  ) {
    this.#request = request;
    this.#made = made;
  }

  /** Asks. Null after a fault that may pass, and a pause. @throws what the acquire ends with */
  ask(): Promise<Granted | typeof BUSY | null> {
    return this.#survive(this.#ask());
  }

  /** The lease of what was granted; null where that counts for nothing. @throws what the acquire ends with */
  accept(granted: Granted | null): HeldLease | Promise<null> | null {
    this.#assertWanted();
    if (granted === null) return null;
    if (!isValid(this.context.backend, granted)) return this.#survive(this.#tooLate());
    return this.context.lease(this.#request, granted, this.deadline, this.terms);
  }

  /** The acquire has ended with an error: undoes what it did, in the background. */
  fail(error: unknown): void {
    this.#undo();
    this.context.failed(this.#request, this.deadline, error);
  }

  /** The caller's time is over, or it gave up, while it waited: the cancellation ends the hint. */
  cancel(): void {
    this.deadline.unwatch(this);
    this.#isCancelled = true;
    this.#undo();
  }

  /** @throws what the caller gave up with, or LockTimeoutError */
  #assertWanted(): void {
    if (!this.#isCancelled) {
      this.deadline.unwatch(this);
      return;
    }
    const { interrupted } = this.deadline;
    if (interrupted !== undefined) throw interrupted.reason;
    throw this.#stillBusy();
  }

  #stillBusy(): LockTimeoutError {
    const { keys, mode } = this.#request;
    const key = showKeys(keys);
    const slot = mode.kind === "permits" && mode.slot !== "any" ? mode.slot : undefined;
    const what = slot === undefined ? undefined : `slot ${slot} of ${JSON.stringify(key)}`;
    return new LockTimeoutError(key, this.deadline.waited, this.#holder, what);
  }

  /** One attempt. */
  async #ask(): Promise<Granted | typeof BUSY> {
    const { context, deadline } = this;
    const request = this.#request;
    const { backend } = context;
    if (this.#sent === "nothing") this.#sent = "asking";
    this.#attempts += 1;
    const attempting = this.#made ?? backend.tryAcquire(request);
    this.#made = undefined;
    // A single attempt has the backend's own limit: with `wait: 0` there would be no time to hear the answer.
    const outcome = request.queue
      ? await deadline.until(attempting, backend.requestTimeout)
      : await attempting;
    if (outcome === TIME_OVER) throw this.#unheard();
    this.#settleAsking();
    this.#lastFault = undefined;
    this.#doubt = undefined;
    if (outcome.votes !== undefined) context.voted(request, outcome.votes);
    if (outcome.otherPermits !== undefined && !this.#permitsDiffer) {
      this.#permitsDiffer = true;
      context.permitsDiffer(request, outcome.otherPermits);
    }
    if (outcome.status === "granted") return outcome;
    this.#queued ||= request.queue;
    this.#holder = outcome.holder;
    return BUSY;
  }

  #settleAsking(): void {
    if (this.#sent === "asking") this.#sent = "nothing";
  }

  /** What comes of waiting for a busy key: the lock, or null when it is worth asking again, or it was called off. */
  wait(): Promise<Granted | null> | null {
    const { context, deadline } = this;
    const request = this.#request;
    if (this.#told === "nothing") {
      this.#told = "contended";
      context.contended(request, this.#holder);
    }
    if (!request.queue || deadline.interrupted !== undefined || deadline.left <= 0 || this.#isExhausted) {
      this.#isCancelled = true;
      return null;
    }
    deadline.watch(this);
    if (this.#told === "contended") {
      this.#told = "waiting";
      context.waiting(request, this.#holder);
    }
    return context.backend.waitForTurn(request);
  }

  /** A grant that was heard of after its validity is none, and counts as a fault. */
  async #tooLate(): Promise<never> {
    const { keys, ttl } = this.#request;
    const key = showKeys(keys);
    throw new UnconfirmedGrantError(
      `${JSON.stringify(key)} was granted, but the answer took longer than a ttl of ${ttl} ms allows`,
      key,
    );
  }

  /** Undoes a grant that does not count, in the background, and goes on under another owner token. */
  #giveBack(): void {
    this.context.cancel(this.#request, true);
    this.#request = { ...this.#request, token: newOwnerToken() };
    this.#queued = false;
  }

  /** Null after a fault that may pass, and a pause. @throws what `work` throws when it is over */
  async #survive<T>(work: Promise<T>): Promise<T | null> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof LockBackendError)) throw error;
      this.#note(error);
      const { clock, requestTimeout } = this.context.backend;
      this.#doubt ??= new Doubt(clock, requestTimeout);
      const left = Math.min(this.deadline.left, this.#doubt.leftAfter(error));
      if (!error.retryable || left <= 0 || this.#isExhausted) throw error;
      if (error instanceof UnconfirmedGrantError && !this.context.renewsTokens) throw error;
      const pause = pauseToRetry(clock, this.#faults, true, { most: left });
      if ((await this.deadline.until(pause)) === TIME_OVER) throw error;
      return null;
    }
  }

  /** What a fault means for what was sent. */
  #note(fault: LockBackendError): void {
    this.#settleAsking();
    this.#lastFault = fault;
    if (fault instanceof UnconfirmedGrantError) this.#giveBack();
    else if (fault.ambiguous) this.#sent = "unanswered";
    this.#faults += 1;
    if (fault instanceof QuorumError) this.context.voted(this.#request, async () => fault.votes);
  }

  /** As often asked as the caller allows. */
  get #isExhausted(): boolean {
    const { limit } = this.#request.retry ?? {};
    return limit !== undefined && !this.context.backend.capabilities.queue && this.#attempts > limit;
  }

  /** Once. */
  #undo(): void {
    const unanswered = this.#sent !== "nothing";
    if (this.#undone || !(unanswered || this.#queued)) return;
    this.#undone = true;
    this.context.cancel(this.#request, unanswered);
  }

  /**
   * The caller's time is over while an attempt is on its way. Where the last answer was that the key is busy, that is
   * what is known; a question that is not answered yet is no outage.
   */
  #unheard(): LockBackendError | LockTimeoutError {
    this.#sent = "unanswered";
    if (this.#lastFault !== undefined) return this.#lastFault;
    if (this.#told !== "nothing") return this.#stillBusy();
    return unanswered(this.context.backend, this.#request, this.deadline);
  }
}

/** The caller's time is over, and nothing but silence is known. */
export function unanswered(
  { name }: LockBackend,
  { keys }: AcquireRequest,
  { waited }: Deadline,
): LockBackendError {
  const text = `${name} did not answer within ${Math.round(waited)} ms`;
  return new LockBackendError(text, { key: showKeys(keys), retryable: true, ambiguous: true });
}

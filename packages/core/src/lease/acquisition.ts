import type { AcquireOutcome, Granted } from "../contract/backend.ts";
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
import { type Faults, unanswered } from "./failures.ts";
import type { HeldLease } from "./held-lease.ts";
import type { LeaseTerms } from "./terms.ts";
import type { TrackedRequest } from "./tracked-request.ts";

/** The answer that somebody else has the key, or is before us. */
export const BUSY = "busy";

/** One acquire, and what it has learned so far. */
export class Acquisition implements Cancellable {
  #request: TrackedRequest;
  #attempts = 0;
  /** From the first fault on: most that wait meet none. */
  #faults: Faults | undefined;
  #holder: SeenHolder | undefined;
  /** What was told of a busy key. */
  #told: "nothing" | "contended" | "waiting" = "nothing";
  /** The server has queued it, and has not been told otherwise. */
  #queued = false;
  /** An attempt that is on its way, or that was sent and never answered, may still arrive. */
  #sent: "nothing" | "asking" | "unanswered" = "nothing";
  #isCancelled = false;

  constructor(
    private readonly context: AcquireContext,
    request: TrackedRequest,
    private readonly deadline: Deadline,
    private readonly terms: LeaseTerms,
  ) {
    this.#request = request;
  }

  /**
   * The first attempt. Most are granted, and that is all. It needs no deadline where the caller waits for longer than the
   * backend's own limit, or for one attempt only.
   */
  async begin(): Promise<Granted | typeof BUSY | null> {
    const { context, deadline } = this;
    const request = this.#request;
    if (request.queue && !deadline.outlasts(context.backend.requestTimeout)) {
      context.waits(deadline);
      return this.ask();
    }
    const asking = context.backend.tryAcquire(request);
    try {
      const outcome = await asking;
      if (isPlain(outcome) && context.isOpen()) return outcome;
    } catch {
      // It is heard below, as any other fault.
    }
    context.waits(deadline);
    return this.ask(asking);
  }

  /** Asks, unless that was done already. Null after a fault that may pass, and a pause. @throws what the acquire ends with */
  ask(made?: Promise<AcquireOutcome>): Promise<Granted | typeof BUSY | null> {
    return this.#survive(this.#ask(made));
  }

  /** Whether a grant can still be believed when it is heard of. */
  isValid(granted: Granted): boolean {
    return validityLeft(granted, this.context.backend.clock.now()) > 0;
  }

  /** A grant that was heard of after its validity is none, and counts as a fault. @throws what the acquire ends with */
  giveUpLate(): Promise<null> {
    this.#assertWanted();
    this.context.waits(this.deadline);
    return this.#survive(this.#tooLate());
  }

  /** The lease of what was granted; null where nothing was. @throws what the acquire ends with */
  accept(granted: Granted | null): HeldLease | null {
    this.#assertWanted();
    if (granted === null) return null;
    const lease = this.context.lease(this.#request, granted, this.deadline, this.terms);
    this.context.ended(this.deadline);
    return lease;
  }

  /** The acquire has ended with an error: undoes what it did, in the background. */
  fail(error: unknown): void {
    this.context.ended(this.deadline);
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
  async #ask(made?: Promise<AcquireOutcome>): Promise<Granted | typeof BUSY> {
    const { context, deadline } = this;
    const request = this.#request;
    const { backend } = context;
    if (this.#sent === "nothing") this.#sent = "asking";
    this.#attempts += 1;
    const attempting = made ?? backend.tryAcquire(request);
    // A single attempt has the backend's own limit: with `wait: 0` there would be no time to hear the answer.
    const outcome = request.queue
      ? await deadline.until(attempting, backend.requestTimeout)
      : await attempting;
    if (outcome === TIME_OVER) throw this.#unheard();
    this.#settleAsking();
    if (this.#faults !== undefined) this.#faults = { count: this.#faults.count };
    if (outcome.votes !== undefined) context.voted(request, outcome.votes);
    if (outcome.otherPermits !== undefined) context.permitsDiffer(request, outcome.otherPermits);
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
      const { count, doubt } = this.#note(error);
      const { clock } = this.context.backend;
      const left = Math.min(this.deadline.left, doubt.leftAfter(error));
      if (!error.retryable || left <= 0 || this.#isExhausted) throw error;
      if (error instanceof UnconfirmedGrantError && !this.context.renewsTokens) throw error;
      const pause = pauseToRetry(clock, count, true, { most: left });
      if ((await this.deadline.until(pause)) === TIME_OVER) throw error;
      return null;
    }
  }

  /** What a fault means for what was sent. */
  #note(fault: LockBackendError): Required<Faults> {
    const { clock, requestTimeout } = this.context.backend;
    const { count = 0, doubt = new Doubt(clock, requestTimeout) } = this.#faults ?? {};
    const faults = { count: count + 1, last: fault, doubt };
    this.#faults = faults;
    this.#settleAsking();
    if (fault instanceof UnconfirmedGrantError) this.#giveBack();
    else if (fault.ambiguous) this.#sent = "unanswered";
    if (fault instanceof QuorumError) this.context.voted(this.#request, async () => fault.votes);
    return faults;
  }

  /** As often asked as the caller allows. */
  get #isExhausted(): boolean {
    const { limit } = this.#request.retry ?? {};
    return limit !== undefined && !this.context.backend.capabilities.queue && this.#attempts > limit;
  }

  /** Once. */
  #undo(): void {
    const unanswered = this.#sent !== "nothing";
    if (!(unanswered || this.#queued)) return;
    this.#sent = "nothing";
    this.#queued = false;
    this.context.cancel(this.#request, unanswered);
  }

  /**
   * The caller's time is over while an attempt is on its way. Where the last answer was that the key is busy, that is
   * what is known; a question that is not answered yet is no outage.
   */
  #unheard(): LockBackendError | LockTimeoutError {
    this.#sent = "unanswered";
    if (this.#faults?.last !== undefined) return this.#faults.last;
    if (this.#told !== "nothing") return this.#stillBusy();
    return unanswered(this.context.backend, this.#request, this.deadline);
  }
}

/** A grant that has nothing to tell beside. */
function isPlain(outcome: AcquireOutcome): outcome is Granted {
  return outcome.status === "granted" && outcome.votes === undefined && outcome.otherPermits === undefined;
}

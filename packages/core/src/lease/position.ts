import type { AcquireOutcome, Granted } from "../contract/backend.ts";
import { elapsed, type Instant, type Timer } from "../contract/clock.ts";
import { LockBackendError, type SeenHolder } from "../contract/errors.ts";
import { pauseToRetry, validityLeft } from "../contract/validity.ts";
import type { AcquireContext, Interruptible } from "./acquire-context.ts";
import { Attempts } from "./attempts.ts";
import { unanswered } from "./failures.ts";
import type { TrackedRequest } from "./tracked-request.ts";
import { interruptAll, takeOut, type Waiter, type WaitsIn } from "./waiter.ts";

/** The answer that somebody else has the key, or is before us. */
const BUSY = "busy";

type Answer = Granted | typeof BUSY | null;

/** Waiters that come so long after a position was opened, in ms, may still join it. */
const WINDOW = 30;
/** More waiters than these do not share a position: a process would have the key for too long. */
const MOST_WAITERS = 64;

/** What a position was granted, and who is to have it. */
export interface GrantedPosition {
  readonly request: TrackedRequest;
  readonly granted: Granted;
  readonly waiters: readonly [Waiter, ...Waiter[]];
  /** Whose name and meta the server has. */
  readonly opener: Waiter;
}

/**
 * One owner token, and its entry in the queue, which waiters of this process that came close together share. The only
 * acquire loop: attempt, wait for a hint, attempt; until it is granted, or nobody waits for it any more. See ADR 23.
 */
export class Position implements Interruptible, WaitsIn {
  readonly #attempts: Attempts;
  readonly #waiters: Waiter[];
  readonly #opener: Waiter;
  #holder: SeenHolder | undefined;
  /** The key was found busy. */
  #isBusy = false;
  /** Its waiters can be interrupted, and their time can end. */
  #isWatched = false;
  #isOver = false;
  /** Waiters came or went since it asked last. */
  #isCountStale = false;
  #countTimer: Timer | undefined;
  /** Ends the wait for a hint. */
  #askNow: (() => void) | undefined;

  constructor(
    private readonly context: AcquireContext,
    request: TrackedRequest,
    waiters: readonly [Waiter, ...Waiter[]],
    /** Undefined where nobody may join it. */
    private readonly opened: Instant | undefined,
    /** Hears that it is over: of what was granted, if anything was. */
    private readonly ended: (position: Position, granted: GrantedPosition | undefined) => void,
  ) {
    this.#attempts = new Attempts(context, request);
    this.#waiters = [...waiters];
    this.#opener = waiters[0];
    for (const waiter of waiters) waiter.place = this;
  }

  get keys(): TrackedRequest["keys"] {
    return this.#attempts.request.keys;
  }

  /** Whether a waiter that comes now may join. */
  admits({ ttl }: TrackedRequest, now: Instant): boolean {
    if (this.opened === undefined || ttl !== this.#attempts.request.ttl) return false;
    return this.#waiters.length < MOST_WAITERS && elapsed(this.opened, now) <= WINDOW;
  }

  join(waiter: Waiter): void {
    waiter.place = this;
    this.#waiters.push(waiter);
    this.#countChanged();
    if (this.#isBusy) waiter.tell(this.#holder);
    waiter.watch();
  }

  /**
   * Makes the first attempt. Most are granted, and that is all: nothing waits for it but this. It needs no deadline where the
   * caller waits for longer than the backend's own limit, or for one attempt only.
   */
  run(): void {
    const { backend } = this.context;
    const { queue } = this.#attempts.request;
    if (queue && this.#waiters.some(({ deadline }) => !deadline.outlasts(backend.requestTimeout))) {
      void this.#goOn();
      return;
    }
    const asking = this.#attempts.send();
    const goOn = () => void this.#goOn(asking);
    asking.then((outcome) => {
      const isGranted = isPlain(outcome) && this.context.isOpen() && this.#isValid(outcome);
      if (isGranted && !this.#isOver) this.#grant(outcome);
      else goOn();
    }, goOn);
  }

  /** `made`: an attempt that was made already. */
  async #goOn(made?: Promise<AcquireOutcome>): Promise<void> {
    try {
      this.#watch();
      let answer = await this.#ask(made);
      while (!this.#isOver) {
        if (answer === BUSY) answer = await this.#wait();
        else if (answer === null) answer = await this.#ask();
        else if (this.#isValid(answer)) this.#grant(answer);
        else answer = await this.#giveUpLate();
      }
    } catch (error) {
      this.#failAll(error);
    }
  }

  interrupt(reason: unknown): void {
    interruptAll(this.#waiters, reason);
  }

  leave(waiter: Waiter): void {
    this.#remove(waiter, this.#whyNot(waiter));
  }

  #watch(): void {
    if (this.#isWatched || this.#isOver) return;
    this.#isWatched = true;
    this.context.waits(this);
    // A single attempt has the backend's own limit: with `wait: 0` there would be no time to hear the answer.
    if (this.#attempts.request.queue) for (const waiter of [...this.#waiters]) waiter.watch();
  }

  /** Asks, unless that was done already. Null after a fault that may pass, and a pause. @throws what all are told */
  #ask(made?: Promise<AcquireOutcome>): Promise<Answer> {
    return this.#survive(this.#attempt(made));
  }

  async #attempt(made?: Promise<AcquireOutcome>): Promise<Answer> {
    if (this.#isOver) return null;
    if (made === undefined) this.#isCountStale = false;
    const outcome = await this.#attempts.heard(made ?? this.#attempts.send());
    if (outcome.status === "granted") return outcome;
    this.#isBusy = true;
    this.#holder = outcome.holder;
    return BUSY;
  }

  /** What comes of waiting for a busy key: the lock, or null when it is worth asking again, or when it is over. */
  #wait(): Promise<Answer> | null {
    const { request, areExhausted } = this.#attempts;
    for (const waiter of [...this.#waiters]) waiter.tell(this.#holder);
    if (!request.queue || areExhausted) {
      for (const waiter of [...this.#waiters]) this.leave(waiter);
      return null;
    }
    if (this.#isCountStale) this.#countChanged();
    return new Promise((resolve, reject) => {
      this.#askNow = () => resolve(null);
      this.context.backend.waitForTurn(request).then(resolve, reject);
    });
  }

  /** A grant that was heard of after its validity is none, and counts as a fault. */
  async #giveUpLate(): Promise<null> {
    this.#watch();
    await this.#pauseAfter(this.#attempts.tooLate());
    return null;
  }

  #isValid(granted: Granted): boolean {
    return validityLeft(granted, this.context.backend.clock.now()) > 0;
  }

  #grant(granted: Granted): void {
    const [first, ...others] = this.#waiters;
    if (first === undefined) return;
    const { request } = this.#attempts;
    this.#end({ request, granted, waiters: [first, ...others], opener: this.#opener });
  }

  /** Null after a fault that may pass, and a pause. @throws what is no fault of the backend */
  async #survive<T>(work: Promise<T>): Promise<T | null> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof LockBackendError)) throw error;
      if (!this.#isOver) await this.#pauseAfter(error);
      return null;
    }
  }

  async #pauseAfter(fault: LockBackendError): Promise<void> {
    const { count, worth } = this.#attempts.note(fault);
    for (const waiter of [...this.#waiters]) {
      if (Math.min(worth, waiter.deadline.left) <= 0) this.#remove(waiter, fault);
    }
    if (this.#isOver) return;
    const most = Math.min(worth, ...this.#waiters.map(({ deadline }) => deadline.left));
    await pauseToRetry(this.context.backend.clock, count, true, { most });
  }

  /** Why a waiter does not have the key. */
  #whyNot(waiter: Waiter): unknown {
    const { deadline, request } = waiter;
    if (deadline.interrupted !== undefined) return deadline.interrupted.reason;
    if (this.#attempts.fault !== undefined) return this.#attempts.fault;
    // A question that is not answered yet is no outage: what is known is that the key was busy.
    if (this.#isBusy) return waiter.stillBusy(this.#holder);
    return unanswered(this.context.backend, request, deadline);
  }

  #remove(waiter: Waiter, reason: unknown): void {
    if (!takeOut(this.#waiters, waiter)) return;
    waiter.fail(reason);
    if (this.#waiters.length === 0) this.#failAll(reason);
    else this.#countChanged();
  }

  /** Undoes what it did, in the background. */
  #failAll(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const waiter of this.#waiters.splice(0)) waiter.fail(error);
    this.#attempts.cancel();
    this.#end();
  }

  #end(granted?: GrantedPosition): void {
    this.#isOver = true;
    this.#countTimer?.cancel();
    this.#askNow?.();
    if (this.#isWatched) this.context.settled(this);
    this.ended(this, granted);
  }

  /** Others see how many wait here: it asks again to tell them, unless it does so anyway. */
  #countChanged(): void {
    const { request } = this.#attempts;
    request.waiters = this.#waiters.length;
    this.#isCountStale = true;
    if (!this.#isBusy || this.#countTimer !== undefined) return;
    const tell = () => {
      this.#countTimer = undefined;
      if (this.#isCountStale) this.#askNow?.();
    };
    this.#countTimer = this.context.backend.clock.setTimer(tell, WINDOW);
  }
}

/** A grant that has nothing to tell beside. */
function isPlain(outcome: AcquireOutcome): outcome is Granted {
  return outcome.status === "granted" && outcome.votes === undefined && outcome.otherPermits === undefined;
}

import { types } from "node:util";
import type { Lease } from "@lock/core";
import { whenCutOff } from "./connection.ts";
import { answerForLoss, fault, insteadOfPage, isAnsweredForLoss } from "./faults.ts";
import type { HoldOptions } from "./hold-options.ts";
import type { LockRouteOptions } from "./options.ts";
import {
  beforeDestroy,
  beforeEnd,
  ignoreWrites,
  isPlainEnd,
  lookAtEnd,
  whenEndedBehind,
  whenEndReached,
} from "./response.ts";
import { allButWaits, isDestroyed, isThenable, whenDestroyed, whenSettled } from "./results.ts";
import { withSignal } from "./route-lease.ts";
import { type AnyVisit, clientLeft } from "./visit.ts";
import { within } from "./within.ts";

/** How long the end of an answer waits for the release. */
const RELEASE_LIMIT = 250;

/**
 * A lease for as long as the work of one request: the only place that decides when it is released.
 *
 * Work that can be seen has ended when its handlers have settled, and the response has ended or is closed. Of other work
 * (in callbacks, or behind `next()`) the end of the response tells; where its client has left, so does what was cut off.
 */
export class Hold {
  readonly lease: Lease;
  readonly #since = performance.now();
  readonly #releaseAt: LockRouteOptions["releaseAt"];
  /** Handlers, and ends in front, that have not settled. */
  #running = 0;
  /** How many handlers have begun. */
  #begun = 0;
  #unseen = false;
  /** What the handler behind returned; an error handler answers for a promise that is rejected, where Express is told. */
  #work: { readonly result?: unknown; readonly isCaught?: boolean } = {};
  /** What becomes of the response is looked at, where its end is all that tells. */
  #isWatched = { destroy: false, behind: false };
  /** What the `end` of a middleware behind returned: the work has ended, and ours is still to be called. */
  #behind: { readonly result: unknown } | undefined;
  /** The response was ended. */
  #ended = false;
  /** It has ended, and nobody needs the lease for the rest. */
  #answered = false;
  #closed = false;
  #released: Promise<void> | undefined;

  constructor(
    lease: Lease,
    readonly options: HoldOptions,
    private readonly visit: AnyVisit,
  ) {
    const { res, abort } = visit;
    this.lease = withSignal(lease, abort);
    const { releaseAt = isPlainEnd(res) ? "before-end" : "after-end" } = options;
    this.#releaseAt = releaseAt;
    beforeEnd(res, { before: () => this.#atEnd(), after: (ended) => this.#afterEnd(ended) });
    if (releaseAt !== "before-end") whenEndReached(res, () => this.#atReached());
    if (releaseAt === "finish") res.once("finish", () => this.#finish());
  }

  /** It has ended, whatever is still to come. */
  get isOver(): boolean {
    return this.#released !== undefined;
  }

  /** Something is under way; the returned function tells that it has settled. */
  enter(): () => void {
    this.#running += 1;
    return () => {
      this.#running -= 1;
      this.#check();
    };
  }

  /** Runs the handler of a wrapped route. Resolves when it has settled, where it returns a promise. */
  async run(handler: () => unknown): Promise<void> {
    const call = ++this.#begun;
    const settled = this.enter();
    this.#watchDestroy();
    try {
      const result = handler();
      const isSeen = isThenable(result);
      if (call === this.#begun) this.#see(isSeen);
      if (isSeen) await result;
    } catch (error) {
      // Error handlers answer, whoever is there to hear it.
      if (!this.visit.res.headersSent) this.#see(false);
      throw error;
    } finally {
      settled();
    }
  }

  /** A handler behind is called; the returned function gets what it returned. Of several, the last one does the work. */
  callBehind(): (result: unknown, isCaught?: boolean) => void {
    const call = ++this.#begun;
    lookAtEnd(this.visit.res);
    return (result, isCaught = false) => {
      if (call !== this.#begun) return;
      this.#work = { result, isCaught };
      if (this.#closed) this.#lookBehind();
    };
  }

  /** A handler behind goes on to the next one, or has failed. */
  goOn(hasFailed: boolean): void {
    this.callBehind()(undefined);
    if (hasFailed) this.failed();
  }

  /** Work begins behind `next()`. */
  leaveBehind(): void {
    this.#begun += 1;
    this.#see(false);
    if (!this.#isWatched.behind) whenEndedBehind(this.visit.res, (result) => this.#endedBehind(result));
    this.#isWatched.behind = true;
  }

  /** The connection is closed: the answer was sent, or the client has left. */
  close(): void {
    const { onDisconnect = "abort-hold" } = this.options;
    this.#closed = true;
    this.#atReached();
    if (!this.#ended) {
      if (onDisconnect !== "hold") this.visit.abort.abort(clientLeft());
      if (onDisconnect === "release") void this.#release();
      if (this.#unseen) whenCutOff(this.visit.res, () => this.#see(true));
      this.#lookBehind();
    }
    this.#check();
  }

  /** The client has left, and what was behind `next()` is not going to be reached: there is no work. */
  abandon(): void {
    this.#unseen = false;
    this.close();
  }

  /** What a handler reports when the headers are sent, Express answers by closing the connection. */
  failed(): void {
    if (this.visit.res.headersSent) this.#giveUp();
  }

  /** Whether the end of the work can be seen. */
  #see(isSeen: boolean): void {
    this.#unseen = !isSeen;
    if (isSeen) this.#check();
    else this.#watchDestroy();
  }

  #watchDestroy(): void {
    if (!this.#isWatched.destroy) beforeDestroy(this.visit.res, () => this.#giveUp());
    this.#isWatched.destroy = true;
  }

  /** The response ends without an `end`. */
  #giveUp(): void {
    this.#ended = true;
    this.#finish();
  }

  /** The client has left: no more is to be done when the handler behind has settled, though it never ends the response. */
  #lookBehind(): void {
    const work = this.#work;
    const isWanted = () => work === this.#work && this.lease.validFor > 0;
    whenSettled(work.result, isWanted, (isRejected) => {
      // The end of the answer for a rejection is seen.
      if (!isRejected || !work.isCaught || this.visit.res.headersSent) this.#see(true);
    });
  }

  /** A middleware behind may pass the end on, later; where its stream is destroyed, as the client has left, it will not. */
  #endedBehind(result: unknown): void {
    this.#behind = { result };
    whenDestroyed(result, () => this.#check());
    this.#see(true);
  }

  /** Releases when nothing holds it any more. */
  #check(): void {
    if (this.#running > 0) return;
    const isLeft = this.#closed && !this.#ended && !this.#unseen;
    const isKept = this.#behind !== undefined && !isDestroyed(this.#behind.result);
    if (this.#answered || (isLeft && !isKept)) void this.#release();
  }

  #finish(): void {
    this.#answered = true;
    this.#check();
  }

  /** The handler ends the response; what the end has to wait for. */
  #atEnd(): Promise<unknown> | undefined {
    if (isAnsweredForLoss(this.visit.res)) queueMicrotask(() => ignoreWrites(this.visit.res));
    if (this.#ended) return undefined;
    this.#ended = true;
    if (this.#releaseAt !== "before-end") return undefined;
    this.#finish();
    if (this.#closed) return undefined;
    return this.#released === undefined ? this.#whenSettled() : within(RELEASE_LIMIT, this.#released);
  }

  /** A middleware in front may still be at work when its `end` has returned. */
  #afterEnd(ended: unknown): unknown {
    if (ended !== this.visit.res) whenDestroyed(ended, () => this.#finish());
    if (types.isPromise(ended)) whenSettled(ended, () => this.lease.validFor > 0, this.enter());
    return ended;
  }

  /** The end may have come to Node. Whether the client gets the rest of the answer matters only while it is there. */
  #atReached(): void {
    if (!this.visit.res.writableEnded) return;
    if (this.#closed || this.#releaseAt === "after-end") this.#finish();
  }

  /** Most handlers end the response just before they settle. One that goes on does so while it is still locked. */
  async #whenSettled(): Promise<void> {
    await allButWaits();
    if (this.#released !== undefined) await within(RELEASE_LIMIT, this.#released);
  }

  #release(): Promise<void> {
    this.#released ??= this.#releaseOnce();
    return this.#released;
  }

  async #releaseOnce(): Promise<void> {
    this.options.times.note(this.lease.keys, performance.now() - this.#since);
    await this.options.beforeRelease?.();
    await this.lease[Symbol.asyncDispose]();
  }

  /** The lease is lost: the work is told to stop, and the client that it failed. */
  lose(error: Error): void {
    const { res, abort } = this.visit;
    fault(error, 503);
    if (this.options.outlivesLease?.()) insteadOfPage(this.visit, error);
    else if (!this.#ended && !res.destroyed && !isAnsweredForLoss(res)) {
      // First: a handler that heeds the signal fails at once, which must not be what the client is told.
      if (!res.headersSent) answerForLoss(this.visit, error);
      else if (this.options.destroyOnLost) res.destroy();
    }
    abort.abort(error);
  }
}

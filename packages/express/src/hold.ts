import type { Lease } from "@lock/core";
import type { Response } from "express";
import { type Behind, isDestroyed, isThenable, watchBehind } from "./behind.ts";
import type { Checks } from "./checks.ts";
import { whenCutOff } from "./connection.ts";
import { fault, insteadOfPage, passOnFault } from "./faults.ts";
import type { HoldTimes } from "./hold-times.ts";
import type { LockRouteOptions, RouteLocks } from "./options.ts";
import { markRefusal } from "./refusal.ts";
import { beforeDestroy, beforeEnd, ignoreWrites, isPlainEnd } from "./response.ts";
import { withSignal } from "./route-lease.ts";
import { type AnyVisit, clientLeft } from "./visit.ts";
import { within } from "./within.ts";

/** How long the end of an answer waits for the release. */
const RELEASE_LIMIT = 250;

/** After this, a middleware that keeps an end to itself is told of, ms. */
const KEPT_LIMIT = 1_000;

/** How often it is looked whether a middleware in front has passed an end on that no event tells of. */
const END_POLL = 20;

/** What a hold needs of the options of its route. */
export interface HoldOptions
  extends Pick<LockRouteOptions, "locks" | "onDisconnect" | "releaseAt" | "destroyOnLost"> {
  /** What is to be done before the lease is released. Must not reject. */
  readonly beforeRelease?: () => Promise<void>;
  /** Whether the work goes on when the lease is lost, and its answer counts. */
  readonly outlivesLease?: () => boolean;
  /** Gets told for how long keys were held. */
  readonly times: HoldTimes;
}

/** Whether the work is to be done, and what is held meanwhile. Undefined: the request was answered, or its client left. */
export type Admission = { readonly hold?: Hold } | undefined;

const holds = new WeakMap<Response, Hold[]>();
const answeredForLoss = new WeakSet<Response>();

/** The hold of a request that has any of the keys already. */
export function findHold(res: Response, locks: RouteLocks, keys: readonly string[]): Hold | undefined {
  return holds
    .get(res)
    ?.find((hold) => hold.options.locks === locks && keys.some((key) => hold.lease.keys.includes(key)));
}

/** Gives up what a request has locked, since its client has left before the work began. */
export function abandonHolds(res: Response): void {
  for (const hold of holds.get(res) ?? []) hold.abandon();
}

/** Whether a request was answered because its lease was lost: what its handler still says is of no interest. */
export function isAnsweredForLoss(res: Response): boolean {
  return answeredForLoss.has(res);
}

/**
 * A lease for as long as the work of one request: the only place that decides when it is released.
 *
 * Work that can be seen has ended when its handlers have settled, and the response has ended or its connection is
 * closed. Of work that cannot be seen (behind `next()`, or in callbacks) the end of the response tells; where the client
 * has left, so does what was cut off with it, or has settled.
 */
export class Hold {
  readonly lease: Lease;
  readonly #since = performance.now();
  readonly #releaseAt: "before-end" | "after-end" | "finish";
  /** Handlers, and ends of middleware in front, that have not settled. */
  #running = 0;
  #unseen = false;
  #behind: Behind | undefined;
  /** The handler has ended the response. */
  #ended = false;
  /** It has ended, and nobody needs the lease for the rest. */
  #answered = false;
  #closed = false;
  /** What the `end` of a middleware in front returned. */
  #passedOn: unknown;
  #released: Promise<void> | undefined;

  constructor(
    lease: Lease,
    readonly options: HoldOptions,
    private readonly visit: AnyVisit,
    private readonly checks: Pick<Checks<never>, "tell"> | undefined,
  ) {
    const { res, abort } = visit;
    this.lease = withSignal(lease, abort);
    const others = holds.get(res);
    if (others === undefined) holds.set(res, [this]);
    else others.push(this);
    const isPlain = isPlainEnd(res);
    const { releaseAt = isPlain ? "before-end" : "after-end" } = options;
    this.#releaseAt = releaseAt;
    if (releaseAt === "before-end" && !isPlain) checks?.tell("endIsWrapped");
    beforeEnd(res, { before: () => this.#atEnd(), after: (ended) => this.#afterEnd(ended) });
    if (releaseAt === "finish") res.once("finish", () => this.#finish());
    // Node says so when the end has reached it, whether or not the client has read all. Its caller goes on first.
    if (releaseAt === "after-end") res.once("prefinish", () => process.nextTick(() => this.#finish()));
  }

  /** Work begins whose end cannot be seen: in callbacks, or behind `next()`. */
  leaveUnseen(where: "callbacks" | "behind"): void {
    const { req, res } = this.visit;
    if (!this.#unseen) beforeDestroy(res, () => this.#giveUp());
    this.#unseen = true;
    if (where === "behind") this.#behind ??= watchBehind(req, res, () => this.#lookBehind());
  }

  /** It has ended, whatever is still to come. */
  get isOver(): boolean {
    return this.#released !== undefined;
  }

  /** A handler begins; the returned function tells that it has settled. */
  enter(): () => void {
    this.#running += 1;
    return () => {
      this.#running -= 1;
      this.#check();
    };
  }

  /** The connection is closed: the answer was sent, or the client has left. */
  close(): void {
    const { onDisconnect = "abort-hold" } = this.options;
    this.#closed = true;
    if (!this.#ended) {
      if (onDisconnect !== "hold") this.visit.abort.abort(clientLeft());
      if (onDisconnect === "release") void this.#release();
      if (this.#unseen) whenCutOff(this.visit.res, () => this.#see());
      this.#lookBehind();
    } else this.#awaitEnd();
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

  /** The handler ends the response without an `end`. */
  #giveUp(): void {
    this.#ended = true;
    this.#finish();
  }

  /** While the client is there, `end` is still to come. When it has left, a middleware may have given up. */
  #lookBehind(): void {
    if (!this.#closed || this.#ended) return;
    if (this.#behind?.isOver) this.#see();
    else if (this.#behind?.isKept) setTimeout(() => this.#tellKept(), KEPT_LIMIT).unref();
  }

  #tellKept(): void {
    if (!this.#ended && !this.isOver && this.lease.validFor > 0) this.checks?.tell("endNeverCame");
  }

  /** What could not be seen has ended. */
  #see(): void {
    this.#unseen = false;
    this.#check();
  }

  /** Releases when nothing holds it any more. */
  #check(): void {
    if (this.#running > 0) return;
    if (this.#answered || (this.#closed && !this.#ended && !this.#unseen)) void this.#release();
  }

  #finish(): void {
    this.#answered = true;
    this.#check();
  }

  /** The handler ends the response; what the end has to wait for. */
  #atEnd(): Promise<unknown> | undefined {
    const { res } = this.visit;
    if (isAnsweredForLoss(res)) queueMicrotask(() => ignoreWrites(res));
    if (this.#ended) return undefined;
    this.#ended = true;
    if (this.#releaseAt !== "before-end") return undefined;
    this.#finish();
    if (this.#closed) return undefined;
    return this.#released === undefined ? this.#whenSettled() : within(RELEASE_LIMIT, this.#released);
  }

  /** A middleware in front may still be at work when its `end` has returned. */
  #afterEnd(ended: unknown): unknown {
    this.#passedOn = ended;
    const result = isThenable(ended) ? Promise.resolve(ended).finally(this.enter()) : ended;
    if (this.#closed) this.#awaitEnd();
    return result;
  }

  /** Where the client has left, no event tells that a middleware in front has passed the end on. */
  #awaitEnd(): void {
    if (this.#answered) return;
    const { writableEnded } = this.visit.res;
    if (writableEnded || isDestroyed(this.#passedOn) || this.lease.validFor === 0) this.#finish();
    else setTimeout(() => this.#awaitEnd(), END_POLL).unref();
  }

  /** Most handlers end the response just before they settle. One that goes on does so while it is still locked. */
  async #whenSettled(): Promise<void> {
    await undefined;
    // From here on a tick comes when all is done that does not wait for anything.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    if (this.#released !== undefined) await within(RELEASE_LIMIT, this.#released);
  }

  #release(): Promise<void> {
    this.#released ??= this.#releaseOnce();
    return this.#released;
  }

  async #releaseOnce(): Promise<void> {
    const { beforeRelease, times } = this.options;
    times.note(this.lease.keys, performance.now() - this.#since);
    if (beforeRelease !== undefined) await beforeRelease();
    await this.lease[Symbol.asyncDispose]();
  }

  /** The lease is lost: the work is told to stop, and the client that it failed. */
  lose(error: Error): void {
    const { res, abort } = this.visit;
    fault(error, 503);
    const goesOn = this.options.outlivesLease?.();
    if (goesOn) insteadOfPage(this.visit, error);
    else if (!this.#ended && !res.destroyed && !isAnsweredForLoss(res)) {
      if (!res.headersSent) {
        answeredForLoss.add(res);
        markRefusal(res);
        // First: a handler that heeds the signal fails at once, which must not be what the client is told.
        passOnFault(this.visit, error);
      } else if (this.options.destroyOnLost) res.destroy();
    }
    abort.abort(error);
  }
}

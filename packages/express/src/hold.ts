import type { Lease } from "@lock/core";
import type { LazyAbort } from "@lock/core/adapter";
import type { NextFunction, Request, Response } from "express";
import type { LockRouteOptions, RouteLocks } from "./options.ts";
import { markRefusal } from "./refusal.ts";
import { beforeDestroy, beforeEnd, ignoreWrites } from "./response.ts";
import { withSignal } from "./route-lease.ts";

/** How long the end of an answer waits for the release. */
const RELEASE_LIMIT = 250;

/** What a hold needs of the options of its route. */
export interface HoldOptions
  extends Pick<LockRouteOptions, "locks" | "onDisconnect" | "releaseAt" | "destroyOnLost"> {
  /** What is to be done with the lease before it is released. Must not reject. */
  readonly beforeRelease?: (lease: Lease) => Promise<void>;
}

/** One request as its middleware sees it, and what ends together with it. */
export interface Visit<P> {
  readonly req: Request<P>;
  readonly res: Response;
  readonly next: NextFunction;
  /** Cancels the wait for the lease, and is what the lease's signal tells afterwards. */
  readonly abort: LazyAbort;
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
 * closed. Of work that cannot be seen (behind `next()`, or in callbacks) only the end of the response tells.
 */
export class Hold {
  readonly lease: Lease;
  /** Handlers that have not settled. */
  #running = 0;
  #unseen = false;
  /** The handler has ended the response. */
  #ended = false;
  /** It has ended, and nobody needs the lease for the rest. */
  #answered = false;
  #closed = false;
  #released: Promise<void> | undefined;

  constructor(
    lease: Lease,
    readonly options: HoldOptions,
    private readonly visit: Pick<Visit<unknown>, "res" | "next" | "abort">,
  ) {
    const { res, abort } = visit;
    this.lease = withSignal(lease, abort);
    const others = holds.get(res);
    if (others === undefined) holds.set(res, [this]);
    else others.push(this);
    beforeEnd(res, () => this.#atEnd());
    if (this.#waitsForFinish) res.once("finish", () => this.#finish());
  }

  /** Work begins whose end cannot be seen. */
  leaveUnseen(): void {
    if (!this.#unseen) beforeDestroy(this.visit.res, () => this.#atEnd());
    this.#unseen = true;
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
    if (this.visit.res.headersSent) this.#atEnd();
  }

  get #waitsForFinish(): boolean {
    return this.options.releaseAt === "finish";
  }

  /** Releases when nothing holds it any more. */
  #check(): void {
    if (this.#running > 0) return;
    if (this.#answered || (this.#closed && (this.#ended || !this.#unseen))) void this.#release();
  }

  #finish(): void {
    this.#answered = true;
    this.#check();
  }

  /** The handler ends the response; what the end has to wait for. */
  #atEnd(): Promise<void> | undefined {
    const { res } = this.visit;
    if (isAnsweredForLoss(res)) queueMicrotask(() => ignoreWrites(res));
    if (this.#ended) return undefined;
    this.#ended = true;
    if (this.#waitsForFinish && !this.#closed) return undefined;
    this.#finish();
    if (this.#closed) return undefined;
    return this.#released === undefined ? this.#whenSettled() : within(RELEASE_LIMIT, this.#released);
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
    if (this.options.beforeRelease !== undefined) await this.options.beforeRelease(this.lease);
    await this.lease[Symbol.asyncDispose]();
  }

  /** The lease is lost: the work is told to stop, and the client that it failed. */
  lose(error: Error): void {
    const { res, next, abort } = this.visit;
    if (!this.#ended && !res.destroyed && !isAnsweredForLoss(res)) {
      if (!res.headersSent) {
        answeredForLoss.add(res);
        markRefusal(res);
        // First: a handler that heeds the signal fails at once, which must not be what the client is told.
        next(withStatus(error, 503));
      } else if (this.options.destroyOnLost) res.destroy();
    }
    abort.abort(error);
  }
}

/** As http-errors does it: what Express and its error handlers answer with. */
export function withStatus(error: Error, status: number): Error {
  return Object.assign(error, { status, statusCode: status });
}

/** Why a lease ends whose client did not wait. */
export function clientLeft(): Error {
  const error = new Error("the client left before the request was answered");
  return Object.assign(error, { name: "AbortError", code: "CLIENT_LEFT" });
}

function within(limit: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limit);
    void work.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

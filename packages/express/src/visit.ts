import type { LazyAbort } from "@lock/core/adapter";
import type { NextFunction, Request, Response } from "express";

/** One request as its middleware sees it, and what ends together with it. */
export interface Visit<P> {
  readonly req: Request<P>;
  readonly res: Response;
  readonly next: NextFunction;
  /** Cancels the wait for the lease, and is what the lease's signal tells afterwards. */
  readonly abort: LazyAbort;
}

/** A visit of whatever route. */
export type AnyVisit = Pick<Visit<never>, "res" | "next" | "abort"> & {
  readonly req: Pick<Request, "originalUrl">;
};

/** Why a lease ends whose client did not wait. */
export function clientLeft(): Error {
  const error = new Error("the client left before the request was answered");
  return Object.assign(error, { name: "AbortError", code: "CLIENT_LEFT" });
}

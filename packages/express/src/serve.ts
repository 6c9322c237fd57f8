import { LazyAbort } from "@lock/core/adapter";
import type { NextFunction, RequestHandler } from "express";
import { isThenable } from "./behind.ts";
import { passOnFault } from "./faults.ts";
import { type Admission, type Hold, isAnsweredForLoss } from "./hold.ts";
import type { Visit } from "./visit.ts";

/** The request handler that does the work of those that are admitted. Never rejects: Express 4 would not notice. */
export function serve<P>(
  admit: (visit: Visit<P>) => Promise<Admission>,
  handler: RequestHandler<P> | undefined,
): RequestHandler<P> {
  return async (req, res, next) => {
    const visit = { req, res, next, abort: new LazyAbort() };
    let admission: Admission;
    try {
      admission = await admit(visit);
    } catch (error) {
      return passOnFault(visit, error);
    }
    if (admission === undefined || isAnsweredForLoss(res) || admission.hold?.isOver) return;
    if (handler !== undefined) return runHandler(handler, visit, admission.hold);
    admission.hold?.leaveUnseen("behind");
    next();
  };
}

/** Runs the handler of a wrapped route, and tells its hold for how long it works. Never rejects. */
async function runHandler<P>(
  handler: RequestHandler<P>,
  { req, res, next }: Visit<P>,
  hold: Hold | undefined,
): Promise<void> {
  const settled = hold?.enter();
  const onward = (reason?: unknown) => {
    // Express would close the connection, on which another request may be under way.
    if (isAnsweredForLoss(res)) return;
    if (isForNextHandler(reason)) hold?.leaveUnseen("behind");
    else hold?.failed();
    next(reason);
  };
  try {
    const result: unknown = handler(req, res, onward as NextFunction);
    if (isThenable(result)) await result;
    else hold?.leaveUnseen("callbacks");
  } catch (error) {
    onward(error || new Error(`the handler was rejected with ${error}`));
  } finally {
    settled?.();
  }
}

/** Whether `next` was called to go on, rather than to report an error. */
function isForNextHandler(reason: unknown): boolean {
  return !reason || /^router?$/.test(String(reason));
}

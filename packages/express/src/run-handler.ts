import type { NextFunction, RequestHandler } from "express";
import { type Hold, isAnsweredForLoss, type Visit } from "./hold.ts";

/** Runs the handler of a wrapped route, and tells its hold for how long it works. Never rejects. */
export async function runHandler<P>(
  handler: RequestHandler<P>,
  { req, res, next }: Visit<P>,
  hold: Hold | undefined,
): Promise<void> {
  const settled = hold?.enter();
  const onward = (reason?: unknown) => {
    if (isForNextHandler(reason)) hold?.leaveUnseen();
    next(reason);
  };
  try {
    const result: unknown = handler(req, res, onward as NextFunction);
    if (isThenable(result)) await result;
    else hold?.leaveUnseen();
  } catch (error) {
    if (!isAnsweredForLoss(res)) next(error ?? new Error(`the handler was rejected with ${error}`));
  } finally {
    settled?.();
  }
}

/** Whether `next` was called to go on, rather than to report an error. */
function isForNextHandler(reason: unknown): boolean {
  return !reason || reason === "route" || reason === "router";
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}

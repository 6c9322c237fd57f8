import { STATUS_CODES } from "node:http";
import type { LockTimeoutError } from "@lock/core";
import type { NextFunction, Request, Response } from "express";
import type { LockRouteOptions, ProblemOptions } from "./options.ts";
import { tell } from "./told.ts";

const BUSY = "LOCK_BUSY";

/** An RFC 9457 problem document. */
export interface Problem extends ProblemOptions {
  readonly status: number;
  /** Stable, for programs. */
  readonly code: string;
  readonly detail: string;
  /** Milliseconds; undefined: no Retry-After. */
  readonly retryAfter?: number;
  readonly keys?: readonly string[];
}

/** Answers that are no outcome of the route: another request may get through where this one did not. */
const refused = new WeakSet<Response>();

/** Whether this response refuses a request, rather than telling what became of it. */
export function isRefusal(res: Response): boolean {
  return refused.has(res);
}

/** Says that this response refuses. */
export function markRefusal(res: Response): void {
  refused.add(res);
}

/** Refuses a request whose key stayed busy. */
export async function refuse<P>(
  options: LockRouteOptions<P>,
  keys: readonly string[],
  error: LockTimeoutError,
  lately: number,
  [req, res, next]: [Request<P>, Response, NextFunction],
): Promise<void> {
  const { contentionStatus: status = 409, retryAfter: asked, problem, handler } = options;
  const given = typeof asked === "function" ? asked(error, req) : asked;
  const retryAfter = Number.isFinite(given) ? Math.max(0, Number(given)) : lately;
  if (handler !== undefined) {
    markRefusal(res);
    tell(() => ({ event: "refused", request: req, status, code: BUSY }));
    return handler(req, res, next, { keys, status, retryAfter, error });
  }
  const detail = "Another request is working on this. Try again later.";
  refuseWith(req, res, {
    status,
    code: BUSY,
    detail,
    retryAfter,
    ...problem,
    ...(problem?.key && { keys }),
  });
}

/** Refuses a request by a problem document, and tells it. */
export function refuseWith(req: Pick<Request, "originalUrl">, res: Response, problem: Problem): void {
  tell(() => ({ event: "refused", request: req, status: problem.status, code: problem.code }));
  answer(req, res, problem);
}

/** Answers with a problem document. */
export function answer(req: Pick<Request, "originalUrl">, res: Response, problem: Problem): void {
  const { type = "about:blank", title = STATUS_CODES[problem.status], status, detail, code, keys } = problem;
  const { retryAfter, instance = req.originalUrl.split("?")[0] } = problem;
  markRefusal(res);
  if (retryAfter !== undefined) res.setHeader("Retry-After", Math.max(1, Math.ceil(retryAfter / 1_000)));
  res.statusCode = status;
  res.setHeader("Content-Type", "application/problem+json; charset=utf-8");
  res.end(JSON.stringify({ type, title, status, detail, instance, code, keys }));
}

import { isLockError } from "@lock/core";
import type { Response } from "express";
import { answer, markRefusal } from "./refusal.ts";
import { replaceEnd } from "./response.ts";
import { tell } from "./told.ts";
import type { AnyVisit } from "./visit.ts";

const faults = new WeakSet<object>();

/** Makes it an error of ours with a status, as http-errors does it: what Express and its error handlers answer with. */
export function fault(error: Error, status: number): Error {
  faults.add(error);
  return Object.assign(error, { status, statusCode: status });
}

function isFault(error: unknown): error is object {
  return isLockError(error) || faults.has(Object(error));
}

const answeredForLoss = new WeakSet<Response>();

/** Whether a request was answered because its lease was lost: what its handler still says is of no interest. */
export function isAnsweredForLoss(res: Response): boolean {
  return answeredForLoss.has(res);
}

/** Answers a request whose lease is lost, while its handler is at work. */
export function answerForLoss(visit: AnyVisit, error: Error): void {
  answeredForLoss.add(visit.res);
  markRefusal(visit.res);
  passOnFault(visit, error);
}

/** Gives an error to `next`. What Express would answer to one of ours with a page, is a problem document. */
export function passOnFault({ req, res, next }: AnyVisit, error: unknown): void {
  if (isFault(error)) {
    tell(() => ({ event: "refused", request: req, ...factsOf(error) }));
    insteadOfPage({ req, res }, error);
  }
  next(error);
}

/** Has Express say by a problem document what it would say of this error by a page. */
export function insteadOfPage({ req, res }: Pick<AnyVisit, "req" | "res">, error: object): void {
  const { code, status } = factsOf(error);
  replaceEnd(res, (args, passOn) => {
    if (res.statusCode !== status || !isPageOfExpress(res, args[0])) return passOn(args);
    res.removeHeader("Content-Length");
    const detail = "The request could not be locked, or not for as long as its work took.";
    answer(req, res, { status, code, detail });
    return res;
  });
}

function factsOf({ code = "LOCK_FAULT", status = 500 }: { code?: string; status?: number }) {
  return { code, status };
}

/** Whether it is what the last handler of Express says where an app has none for errors. */
function isPageOfExpress(res: Response, body: unknown): boolean {
  const policy = res.getHeader("Content-Security-Policy");
  return policy === "default-src 'none'" && String(body).includes("<title>Error</title>");
}

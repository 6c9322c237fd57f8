import { isLockError } from "@lock/core";
import type { Response } from "express";
import type { AnyVisit } from "./hold.ts";
import { answer } from "./refusal.ts";

const faults = new WeakSet<object>();

/** Makes it an error of ours with a status, as http-errors does it: what Express and its error handlers answer with. */
export function fault(error: Error, status: number): Error {
  faults.add(error);
  return Object.assign(error, { status, statusCode: status });
}

/** Gives an error to `next`. What Express would answer to one of ours with a page, is a problem document. */
export function passOnFault({ req, res, next }: AnyVisit, error: unknown): void {
  if (isLockError(error) || faults.has(Object(error))) insteadOfPage(req, res, error);
  next(error);
}

function insteadOfPage(req: AnyVisit["req"], res: Response, error: unknown): void {
  const { end } = res;
  res.end = (...args: unknown[]) => {
    if (!isPageOfExpress(res, args[0])) return Reflect.apply(end, res, args);
    res.end = end;
    for (const name of ["Content-Length", "Content-Security-Policy"]) res.removeHeader(name);
    const { code = "LOCK_FAULT" } = error as { code?: string };
    const detail = "The request could not be locked, or not for as long as its work took.";
    answer(req, res, { status: res.statusCode, code, detail });
    return res;
  };
}

/** Whether it is what the last handler of Express says where an app has none for errors. */
function isPageOfExpress(res: Response, body: unknown): boolean {
  return (
    !res.headersSent &&
    res.getHeader("Content-Security-Policy") === "default-src 'none'" &&
    String(body).includes("<title>Error</title>")
  );
}

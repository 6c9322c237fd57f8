import { checkOptions } from "@lock/core/adapter";
import type { Request, RequestHandler, Response } from "express";
import { Checks } from "./checks.ts";
import { enter } from "./enter.ts";
import type { Admission, Visit } from "./hold.ts";
import { HANDLER_ALLOWED, type LockRouteOptions, ROUTE_ALLOWED } from "./options.ts";
import { refuse } from "./refusal.ts";
import { serve } from "./serve.ts";

/**
 * Locks a route while its requests are worked on.
 *
 * With a handler (recommended) the key is held until the handler has settled and the response has ended, or its
 * connection is closed. As a middleware it cannot see handlers settle: the key is held until the response is ended, at
 * most `maxHold`.
 *
 * A busy key is refused with a problem document (RFC 9457) and Retry-After; faults go to `next`, with status 503 where
 * the backend could not be reached or the lease was lost.
 * @throws LockUsageError for wrong options
 */
export function lockRoute<P = Request["params"]>(options: LockRouteOptions<P>): RequestHandler<P>;
export function lockRoute<
  P = Request["params"],
  ResBody = Request["body"],
  ReqBody = Request["body"],
  ReqQuery = Request["query"],
>(
  options: LockRouteOptions<P>,
  handler: RequestHandler<P, ResBody, ReqBody, ReqQuery>,
): RequestHandler<P, ResBody, ReqBody, ReqQuery>;
export function lockRoute<P>(options: LockRouteOptions<P>, handler?: RequestHandler<P>): RequestHandler<P> {
  checkOptions("lockRoute", options, ROUTE_ALLOWED, ["locks", "key"]);
  checkOptions("lockRoute", { handler }, HANDLER_ALLOWED, []);
  const { skip = isOptions, validate } = options;
  const checks = validate === false ? undefined : new Checks(options);

  async function lock(visit: Visit<P>): Promise<Admission> {
    const { req, res, next } = visit;
    const keys = (await skip(req, res)) ? undefined : await keysOf(options.key, req, res);
    if (keys === undefined) return {};
    return enter(options, visit, keys, (error) => refuse(options, keys, error, [req, res, next]), checks);
  }

  return serve(lock, handler);
}

async function keysOf<P>(
  key: LockRouteOptions<P>["key"],
  req: Request<P>,
  res: Response,
): Promise<readonly string[] | undefined> {
  const given = typeof key === "function" ? await key(req, res) : key;
  if (given === null || given === false) return undefined;
  // What is no key is refused by the locks, which know what a key may be.
  return Array.isArray(given) ? given : [given as string];
}

function isOptions(req: { readonly method: string }): boolean {
  return req.method === "OPTIONS";
}

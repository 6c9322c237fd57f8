import type { LockTimeoutError } from "@lock/core";
import { checkOptions, isKey, MAX_KEY_BYTES } from "@lock/core/adapter";
import type { Request, RequestHandler, Response } from "express";
import { Checks } from "./checks.ts";
import { enter } from "./enter.ts";
import { HoldTimes } from "./hold-times.ts";
import type { Admission } from "./holds.ts";
import { HANDLER_ALLOWED, type LockRouteOptions, ROUTE_ALLOWED } from "./options.ts";
import { refuse, refuseWith } from "./refusal.ts";
import { serve } from "./serve.ts";
import type { Visit } from "./visit.ts";

/**
 * Locks a route while its requests are worked on.
 *
 * With a handler (recommended) the key is held until the handler has settled and the response has ended, or its
 * connection is closed. As a middleware, in a route or by `use`, it is held until the response has ended, or its client
 * has left and the handlers have settled. At most `maxHold`.
 *
 * A busy key is refused with a problem document (RFC 9457) and Retry-After; faults go to `next`, with status 503 where
 * the backend could not be reached or the lease was lost.
 * @example
 * app.post("/orders/:id/pay", lockRoute({ locks, key: (req) => lockKey`order:${req.params.id}` }, async (req, res) => {
 *   res.json(await pay(req.params.id, getLease(res)?.fencingToken));
 * }));
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
  const times = new HoldTimes();
  const terms = { ...options, times };

  async function lock(visit: Visit<P>): Promise<Admission> {
    const { req, res, next } = visit;
    const keys = (await skip(req, res)) ? undefined : await keysOf(options.key, req, res);
    if (keys === undefined) return {};
    if (typeof options.key === "function" && !keys.every(mayBeKey)) return refuseKey(visit);
    const onBusy = (error: LockTimeoutError) =>
      refuse(options, keys, error, times.of(keys), [req, res, next]);
    return enter(terms, visit, keys, onBusy, checks);
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

/** A request may name what no key can be made of; what is no text at all is a mistake of the route. */
function mayBeKey(key: unknown): boolean {
  return typeof key !== "string" || key === "" || isKey(key);
}

function refuseKey<P>({ req, res }: Visit<P>): undefined {
  const detail = `What this request names is no valid Unicode, or makes a key of more than ${MAX_KEY_BYTES} bytes.`;
  refuseWith(req, res, { status: 400, code: "LOCK_KEY_INVALID", detail });
}

function isOptions(req: { readonly method: string }): boolean {
  return req.method === "OPTIONS";
}

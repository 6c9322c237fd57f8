import { LockUsageError } from "@lock/core";
import { checkOptions } from "@lock/core/adapter";
import type { Request, RequestHandler } from "express";
import { enter } from "../enter.ts";
import { HoldTimes } from "../hold-times.ts";
import type { Admission } from "../holds.ts";
import { HANDLER_ALLOWED } from "../options.ts";
import { type Problem, refuseWith } from "../refusal.ts";
import { serve } from "../serve.ts";
import { tell } from "../told.ts";
import type { Visit } from "../visit.ts";
import { warn } from "../warn.ts";
import { Claim } from "./claim.ts";
import { IDEMPOTENT_ALLOWED, type IdempotentOptions } from "./options.ts";
import type { Recorded } from "./record.ts";
import { fingerprintOf, idOf, keyOf, nameOf } from "./request.ts";

/**
 * Answers a request that is sent again with the same Idempotency-Key as it was answered before, without doing the work
 * again (draft-ietf-httpapi-idempotency-key-header). Mount it behind the body parser and the authentication; with a
 * handler, or as a middleware, as `lockRoute`.
 *
 * 400: the header is missing though required, or makes no sense. 409 with Retry-After: the first request is still being
 * worked on. 409 without: it was done, or begun, and its answer is not known. 415: two payloads could not be told apart.
 * 422: the key was used for another payload. Otherwise the stored status, headers and body, with
 * `Idempotent-Replayed: true`.
 * @example
 * const once = idempotent({ locks, records: ioredisRecords(redis), tenant: (req) => req.user.id });
 * app.post("/orders", express.json(), once, createOrder);
 * @throws LockUsageError for wrong options
 */
export function idempotent<P = Request["params"]>(options: IdempotentOptions<P>): RequestHandler<P>;
export function idempotent<
  P = Request["params"],
  ResBody = Request["body"],
  ReqBody = Request["body"],
  ReqQuery = Request["query"],
>(
  options: IdempotentOptions<P>,
  handler: RequestHandler<P, ResBody, ReqBody, ReqQuery>,
): RequestHandler<P, ResBody, ReqBody, ReqQuery>;
export function idempotent<P>(options: IdempotentOptions<P>, handler?: RequestHandler<P>): RequestHandler<P> {
  checkOptions("idempotent", options, IDEMPOTENT_ALLOWED, ["locks", "records", "tenant"]);
  checkOptions("idempotent", { handler }, HANDLER_ALLOWED, []);
  if (options.onAbandoned === "refuse" && options.records.replace === undefined) {
    throw new LockUsageError('onAbandoned: "refuse" needs records with a method replace');
  }
  const { required = false } = options;
  const methods = (options.methods ?? ["POST", "PATCH"]).map((method) => method.toUpperCase());
  const times = new HoldTimes();

  async function admit(visit: Visit<P>): Promise<Admission> {
    const { req } = visit;
    if (!methods.includes(req.method)) return {};
    const key = keyOf(req);
    if (key === undefined && !required) return {};
    if (typeof key === "string") return claim(options, times, visit, key);
    const detail =
      key === null ? "The Idempotency-Key is not valid." : "This request needs an Idempotency-Key.";
    return say(visit, { status: 400, code: "IDEMPOTENCY_KEY_MISSING", detail });
  }

  return serve(admit, handler);
}

/** Says why the work is not done. */
function say<P>({ req, res }: Visit<P>, problem: Problem): undefined {
  refuseWith(req, res, problem);
}

/** Has the work done once for this key, however often it is asked for. */
async function claim<P>(
  options: IdempotentOptions<P>,
  times: HoldTimes,
  visit: Visit<P>,
  key: string,
): Promise<Admission> {
  const { req } = visit;
  const id = idOf(nameOf(req, key), options.tenant(req));
  const fingerprint = await fingerprintOf(req, options);
  if (fingerprint === undefined) return refusePayload(visit);
  const work = new Claim(options, id, fingerprint);
  const known = await work.read();
  if (known !== undefined && (known.kind !== "begun" || known.fingerprint !== fingerprint)) {
    return replay(visit, known, fingerprint);
  }
  const { onDisconnect = "hold", locks, wait, ttl, maxHold } = options;
  const beforeRelease = () => work.end();
  const outlivesLease = () => work.hasBegun;
  const terms = { locks, onDisconnect, beforeRelease, outlivesLease, times, wait, ttl, maxHold };
  const admission = await enter(terms, visit, [`idempotency:${id}`], () => {
    const detail = "The first request with this Idempotency-Key is still being worked on.";
    say(visit, { status: 409, code: "IDEMPOTENCY_KEY_IN_USE", detail, retryAfter: times.latest });
  });
  const hold = admission?.hold;
  // Mounted twice: the outer one does it.
  if (hold?.options !== terms) return admission;
  const looked = hold.enter();
  try {
    const answered = await work.begin(visit.res);
    return answered === undefined ? admission : replay(visit, answered, fingerprint);
  } finally {
    looked();
  }
}

function refusePayload<P>(visit: Visit<P>): undefined {
  warn("IDEMPOTENCY_PAYLOAD_NOT_SEEN", "idempotent cannot tell the payloads of a route apart");
  const detail = "This route cannot tell two requests of this media type apart by an Idempotency-Key.";
  say(visit, { status: 415, code: "IDEMPOTENCY_PAYLOAD_NOT_SEEN", detail });
}

/** Why an answer that was given once cannot be given again. */
const BECAUSE = {
  "too-long": "The answer was too long to be kept.",
  "cut-off": "The answer was cut off when its client left.",
  settled: "The answer is not known.",
};

function replay<P>(visit: Visit<P>, record: Recorded, fingerprint: string): undefined {
  const { req, res } = visit;
  if (record.fingerprint !== fingerprint) {
    const detail = "This Idempotency-Key was used for another request.";
    return say(visit, { status: 422, code: "IDEMPOTENCY_KEY_REUSED", detail });
  }
  if (record.kind === "begun") {
    const detail = "This was begun before, and it is not known whether it was done.";
    return say(visit, { status: 409, code: "ABANDONED", detail });
  }
  if (record.kind === "done") {
    const detail = `This was done before. ${BECAUSE[record.because]}`;
    return say(visit, { status: 409, code: "IDEMPOTENCY_ANSWER_NOT_KEPT", detail });
  }
  res.statusCode = record.status;
  for (const name of record.removed) res.removeHeader(name);
  for (const [name, value] of record.headers) res.setHeader(name, value);
  res.setHeader("Idempotent-Replayed", "true");
  tell(() => ({ event: "replayed", request: req, status: record.status }));
  res.end(Buffer.from(record.body, "base64"));
}

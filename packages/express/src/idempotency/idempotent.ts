import { setTimeout as pause } from "node:timers/promises";
import type { Lease } from "@lock/core";
import { checkOptions, withoutSecrets } from "@lock/core/adapter";
import type { Request, RequestHandler, Response } from "express";
import { enter } from "../enter.ts";
import { type Admission, type Visit, withStatus } from "../hold.ts";
import { HANDLER_ALLOWED } from "../options.ts";
import { answer, isRefusal, markRefusal, type Problem, retryAfterOf } from "../refusal.ts";
import { serve } from "../serve.ts";
import { Capture, type Recorded } from "./capture.ts";
import { IDEMPOTENT_ALLOWED, type IdempotentOptions } from "./options.ts";
import { fingerprintOf, idOf, keyOf } from "./request.ts";

const DAY = 86_400_000;
const MEGABYTE = 1_048_576;
const WRITE_ATTEMPTS = 5;
const WRITE_PAUSE = 100;

/**
 * Answers a request that is sent again with the same Idempotency-Key as it was answered before, without doing the work
 * again (draft-ietf-httpapi-idempotency-key-header). Mount it behind the body parser and the authentication; with a
 * handler, or as a middleware, as `lockRoute`.
 *
 * 400: the header is missing though required, or makes no sense. 409 with Retry-After: the first request is still being
 * worked on. 422: the key was used for another payload. Otherwise the stored status, headers and body, with
 * `Idempotent-Replayed: true`.
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
  const { required = false } = options;
  const methods = (options.methods ?? ["POST", "PATCH"]).map((method) => method.toUpperCase());

  async function admit(visit: Visit<P>): Promise<Admission> {
    const { req } = visit;
    if (!methods.includes(req.method)) return {};
    const key = keyOf(req);
    if (key === undefined && !required) return {};
    if (typeof key === "string") return claim(options, visit, key);
    const detail =
      key === null ? "The Idempotency-Key is not valid." : "This request needs an Idempotency-Key.";
    return say(visit, { status: 400, code: "IDEMPOTENCY_KEY_MISSING", detail });
  }

  return serve(admit, handler);
}

/** Says why the work is not done. */
function say<P>({ req, res }: Visit<P>, problem: Problem): undefined {
  markRefusal(res);
  answer(req, res, problem);
}

/** Has the work done once for this key, however often it is asked for. */
async function claim<P>(options: IdempotentOptions<P>, visit: Visit<P>, key: string): Promise<Admission> {
  const { req, res } = visit;
  const id = idOf(req, options.tenant(req), key);
  const fingerprint = await fingerprintOf(req, options);
  const known = await read(options, id);
  if (known !== undefined) return replay(visit, known, fingerprint);
  const { onDisconnect = "hold", locks, wait, ttl, maxHold } = options;
  let capture: Capture | undefined;
  const beforeRelease = (lease: Lease) => keep(options, id, lease, res, capture?.recorded(fingerprint));
  const terms = { locks, onDisconnect, beforeRelease, wait, ttl, maxHold };
  const admission = await enter(terms, visit, [`idempotency:${id}`], (error) => {
    const detail = "The first request with this Idempotency-Key is still being worked on.";
    const retryAfter = retryAfterOf(error);
    say(visit, { status: 409, code: "IDEMPOTENCY_KEY_IN_USE", detail, retryAfter });
  });
  if (admission === undefined) return undefined;
  // It may have been answered between the first look and the lock.
  const answered = await read(options, id);
  if (answered !== undefined) return replay(visit, answered, fingerprint);
  capture = new Capture(res, options.maxBody ?? MEGABYTE);
  return admission;
}

async function read<P>({ records }: IdempotentOptions<P>, id: string): Promise<Recorded | undefined> {
  let record: string | null;
  try {
    record = await records.read(id);
  } catch (error) {
    throw withStatus(withoutSecrets(error), 503);
  }
  return record == null ? undefined : parsed(record);
}

function parsed(record: string): Recorded {
  try {
    return JSON.parse(record);
  } catch {
    // What the parser says repeats a part of the answer.
    throw withStatus(new Error("the record of an answer cannot be read: it is no JSON"), 503);
  }
}

function replay<P>(visit: Visit<P>, record: Recorded, fingerprint: string): undefined {
  const { res } = visit;
  if (record.fingerprint !== fingerprint) {
    const detail = "This Idempotency-Key was used for another request.";
    return say(visit, { status: 422, code: "IDEMPOTENCY_KEY_REUSED", detail });
  }
  if (record.body === null) {
    const detail = "This was done before. The answer was too long to be kept.";
    return say(visit, { status: 409, code: "IDEMPOTENCY_ANSWER_NOT_KEPT", detail });
  }
  res.statusCode = record.status;
  for (const [name, value] of record.headers) res.setHeader(name, value);
  res.setHeader("Idempotent-Replayed", "true");
  res.end(Buffer.from(record.body, "base64"));
}

/** Keeps an answer; a fault is tried again while the lease keeps others from doing the work again. */
async function keep<P>(
  { records, keepFor = DAY, keepServerErrors = false }: IdempotentOptions<P>,
  id: string,
  lease: Lease,
  res: Response,
  recorded: Recorded | undefined,
): Promise<void> {
  if (recorded === undefined || isRefusal(res)) return;
  if (recorded.status >= 500 && !keepServerErrors) return;
  for (let attempt = 1; lease.validFor > 0; attempt++) {
    try {
      await records.write(id, JSON.stringify(recorded), keepFor);
      return;
    } catch (error) {
      if (attempt >= WRITE_ATTEMPTS) {
        const detail = withoutSecrets(error).message;
        process.emitWarning("an answer could not be kept", { code: "IDEMPOTENCY_NOT_KEPT", detail });
        return;
      }
      await pause(WRITE_PAUSE * attempt);
    }
  }
}

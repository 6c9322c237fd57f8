import { createHash } from "node:crypto";
import { LockUsageError } from "@lock/core";
import { show } from "@lock/core/adapter";
import type { Request } from "express";
import type { IdempotentOptions } from "./options.ts";

/** A structured field string (RFC 9651), as the draft wants it, or the bare text that most clients send. */
const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\])+)"$/;
const BARE = /^[!#-+\--~]+$/;
const LONGEST_KEY = 255;

/** The Idempotency-Key of a request: undefined where it has none, null where it makes no sense. */
export function keyOf(req: { readonly headers: Request["headers"] }): string | null | undefined {
  const given = req.headers["idempotency-key"];
  if (given === undefined) return undefined;
  const text = String(given).trim();
  const key = BARE.test(text) ? text : QUOTED.exec(text)?.[1]?.replace(/\\(.)/g, "$1");
  return key !== undefined && key.length <= LONGEST_KEY ? key : null;
}

/**
 * Under which name the answer is kept. Hashed: keys and tenants are not for everybody who may look into Redis.
 * @throws LockUsageError
 */
export function idOf<P>(req: Request<P>, tenant: unknown, key: string): string {
  // Anything else could be the same text for two tenants.
  if (typeof tenant !== "string")
    throw new LockUsageError(`tenant must return a string, got ${show(tenant)}`);
  const route: unknown = req.route?.path ?? req.path;
  return hash(JSON.stringify([tenant, req.method, req.baseUrl + String(route), key]));
}

/** What tells this request from another one with the same key. */
export async function fingerprintOf<P>(
  req: Request<P>,
  { fingerprint }: IdempotentOptions<P>,
): Promise<string> {
  if (fingerprint !== undefined) return hash(JSON.stringify([req.originalUrl, await fingerprint(req)]));
  if (!isParsed(req)) {
    throw new LockUsageError(
      "idempotent cannot tell payloads apart, since the body was not parsed: mount it behind express.json(), or give it a fingerprint",
    );
  }
  const body: unknown = req.body;
  const payload = Buffer.isBuffer(body) ? body.toString("base64") : body;
  return hash(JSON.stringify([req.originalUrl, payload], sorted));
}

/** In Express 4 the body of what no parser knows is {}: whether it was read tells more. */
function isParsed({ headers, body, readableDidRead }: Pick<Request, "headers" | "body" | "readableDidRead">) {
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  return !hasBody || (body !== undefined && readableDidRead);
}

/** Two clients may write the same fields in another order. */
function sorted(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

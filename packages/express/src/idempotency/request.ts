import { createHash } from "node:crypto";
import { LockUsageError } from "@lock/core";
import { show } from "@lock/core/adapter";
import type { Request } from "express";
import type { IdempotentOptions } from "./options.ts";

/** A structured field string (RFC 9651), as the draft wants it, or the bare text that most clients send. */
const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\])+)"$/;
const BARE = /^[!#-+\--~]+$/;
const LONGEST_KEY = 255;

/** What has more bytes than this has some content: "{}" with some space, say. */
const LONGEST_EMPTY = 8;

/** The Idempotency-Key of a request: undefined where it has none, null where it makes no sense. */
export function keyOf(req: { readonly headers: Request["headers"] }): string | null | undefined {
  const given = req.headers["idempotency-key"];
  if (given === undefined) return undefined;
  const text = String(given).trim();
  const key = BARE.test(text) ? text : QUOTED.exec(text)?.[1]?.replace(/\\(.)/g, "$1");
  return key !== undefined && key.length <= LONGEST_KEY ? key : null;
}

/** What a request is known by, beside its tenant. */
export interface RequestName {
  readonly method: string;
  /** Its route as it was mounted, such as "/orders/:id"; its path where `idempotent` was mounted by `use`. */
  readonly route: string;
  /** The Idempotency-Key, without quotes. */
  readonly key: string;
}

export function nameOf<P>(req: Request<P>, key: string): RequestName {
  const route: unknown = req.route?.path ?? req.path;
  return { method: req.method, route: req.baseUrl + String(route), key };
}

/**
 * Under which name the answer is kept. Hashed: keys and tenants are not for everybody who may look into Redis.
 * @throws LockUsageError
 */
export function idOf({ method, route, key }: RequestName, tenant: unknown): string {
  // Anything else could be the same text for two tenants.
  if (typeof tenant !== "string")
    throw new LockUsageError(`tenant must return a string, got ${show(tenant)}`);
  // Express takes /API/ for /api; where an app does not, the payloads differ by their urls.
  const name = withoutSlash(route).toLowerCase();
  return hash(JSON.stringify([tenant, method.toUpperCase(), name, key]));
}

/**
 * What tells this request from another one with the same key; undefined where a part of its payload is not seen here,
 * so that two payloads could be taken for one.
 */
export async function fingerprintOf<P>(
  req: Request<P>,
  { fingerprint }: IdempotentOptions<P>,
): Promise<string | undefined> {
  const [path = "", ...query] = req.originalUrl.split("?");
  const url = [withoutSlash(path), ...query].join("?");
  const payload = fingerprint === undefined ? payloadOf(req) : await fingerprint(req);
  return payload === undefined ? undefined : hash(JSON.stringify([url, payload]));
}

function withoutSlash(path: string): string {
  let { length } = path;
  while (length > 1 && path[length - 1] === "/") length -= 1;
  return path.slice(0, length);
}

/** The payload as text; undefined where it is not in `req.body`, `req.file` and `req.files`, or not all of it. */
function payloadOf(req: Request<unknown>): string | undefined {
  const { headers, body, readableDidRead } = req;
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  if (!hasBody) return "";
  if (!readableDidRead || body === undefined) return undefined;
  const type = String(headers["content-type"]);
  const isWhole = Buffer.isBuffer(body) || typeof body === "string";
  const isMultipart = !isWhole && /^multipart\//i.test(type);
  // In Express 4 the body of what no parser knows is {}, also where something else has read it.
  const mayBeEmpty =
    /[/+]json|x-www-form-urlencoded/i.test(type) && Number(headers["content-length"]) <= LONGEST_EMPTY;
  if (isEmpty(body) && !isMultipart && !mayBeEmpty) return undefined;
  try {
    return JSON.stringify([bytesOrValue(body), isMultipart && filesOf(req)], sorted);
  } catch {
    // Too deep, in a circle, or of parts whose content cannot be seen.
    return undefined;
  }
}

function bytesOrValue(body: unknown): unknown {
  return Buffer.isBuffer(body) ? body.toString("base64") : body;
}

/** What a parser of files keeps in memory, where most of them put it. @throws TypeError where no content is to be seen */
function filesOf(req: object): readonly unknown[] {
  const { file, files } = req as { file?: unknown; files?: unknown };
  const described = Object.entries({ ...(file !== undefined && { file }), ...Object(files) }).flatMap(
    ([place, one]) => [one].flat().map((each) => describe(place, each)),
  );
  if (described.length === 0) throw new TypeError("there are no files");
  return described;
}

function describe(place: string, file: unknown): readonly unknown[] {
  const { fieldname, originalname, name, mimetype, size, buffer, data } = Object(file);
  const content = [buffer, data].find(Buffer.isBuffer);
  if (content === undefined || content.length !== size) throw new TypeError("its content cannot be seen");
  return [place, fieldname, originalname, name, mimetype, hash(content)];
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** Two clients may write the same fields in another order. @throws TypeError for what hides its content, as a Map does */
function sorted(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const isPlain = [Object.prototype, null].includes(Object.getPrototypeOf(value));
  if (isEmpty(value) && !isPlain) throw new TypeError("its content cannot be seen");
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function hash(text: string | Buffer): string {
  return createHash("sha256").update(text).digest("base64url");
}

import { type Locks, type LockTimeoutError, LockUsageError, type Wait } from "@lock/core";
import type { NextFunction, Request, Response } from "express";
import type { CheckName } from "./checks.ts";

/** What `createLocks` returns, as far as routes need it. */
export type RouteLocks = Pick<Locks, "acquire" | "readWrite">;

/** A key, or several that are taken all or none; null or false: this request is not locked. */
export type RouteKey = string | readonly string[] | null | false;

/** How the key is held. "auto": GET and HEAD share it, all others exclude each other and them. */
export type RouteMode = "exclusive" | "shared" | "auto";

/** Why a request was refused. */
export interface Refusal {
  readonly keys: readonly string[];
  readonly status: number;
  /** Milliseconds after which it may be worth another try. */
  readonly retryAfter: number;
  /** How long was waited, and who was seen holding the key. */
  readonly error: LockTimeoutError;
}

/** What a refusal says, as RFC 9457 has it; each has a default. */
export interface ProblemOptions {
  /** A URI that names the kind of problem. Default "about:blank": what the status says. */
  readonly type?: string;
  readonly title?: string;
  readonly detail?: string;
  /** Default: the path of the request, without the query. */
  readonly instance?: string;
  /** Whether clients are told the key. Default false: it may name what they should not see. */
  readonly key?: boolean;
}

/** Which of the checks are made, by name; and how to tell tenants apart. */
export type ValidateOptions<P = Request["params"]> = { readonly [Name in CheckName]?: boolean } & {
  /** Whose request it is. Where given, a key that is used for two tenants is reported. */
  readonly tenantOf?: (req: Request<P>) => string | undefined;
};

/** Options of `lockRoute`. Durations are milliseconds. */
export interface LockRouteOptions<P = Request["params"]> {
  /** Made by `createLocks`. */
  readonly locks: RouteLocks;
  /** What is locked. Build keys of several values with `lockKey`. */
  readonly key:
    | string
    | readonly string[]
    | ((req: Request<P>, res: Response) => RouteKey | Promise<RouteKey>);
  /** Default "exclusive". */
  readonly mode?: RouteMode | ((req: Request<P>) => RouteMode);
  /** Requests that are not locked. Default: OPTIONS. */
  readonly skip?: (req: Request<P>, res: Response) => boolean | Promise<boolean>;
  /** How long a request waits for a busy key, or "forever". Default 0: it is refused at once. */
  readonly wait?: Wait;
  /** How long the server keeps the lease unless it is extended. Default: the one of `locks`. */
  readonly ttl?: number;
  /**
   * The lease is lost after this, whatever the request still does, or never ("forever"). Default 300,000: a handler
   * that never answers must not hold its key for ever.
   */
  readonly maxHold?: number | "forever";
  /**
   * When the client leaves while the key is held: "abort-hold" (default) aborts `lease.signal` and holds until the
   * work has ended; "hold" leaves the work alone; "release" aborts the signal and releases at once, for handlers that
   * stop at once, such as event streams.
   */
  readonly onDisconnect?: "abort-hold" | "hold" | "release";
  /**
   * "before-end" (default): released before the client has the whole answer, so that a request it sends then finds
   * the key free; the answer waits for that, at most 250 ms. "finish": released after it was sent.
   */
  readonly releaseAt?: "before-end" | "finish";
  /**
   * When the lock backend cannot be reached: "fail" (default) calls `next` with the error and status 503; "open" runs
   * the handler without a lease. As a function, it also is the place to log the error.
   */
  readonly onBackendError?: "fail" | "open" | ((error: Error, req: Request<P>) => "fail" | "open");
  /** When a lease is lost after the headers were sent: destroy the response, so that the client notices. Default false. */
  readonly destroyOnLost?: boolean;
  /** The status of a refusal. Default 409. */
  readonly contentionStatus?: 409 | 423 | 429 | 503;
  /** What a refusal's Retry-After says, rounded up to seconds. Default: how long the holder's lease has left. */
  readonly retryAfter?: number | ((error: LockTimeoutError, req: Request<P>) => number);
  /** Answers a refused request in place of the problem document. */
  readonly handler?: (
    req: Request<P>,
    res: Response,
    next: NextFunction,
    refusal: Refusal,
  ) => void | Promise<void>;
  /** What the problem document of a refusal says. */
  readonly problem?: ProblemOptions;
  /** Checks for mistakes in how it is used, told once each as a process warning. Default true: all. */
  readonly validate?: boolean | ValidateOptions<P>;
}

type Check = (value: unknown) => boolean;

const isFunction: Check = (value) => typeof value === "function";
const isBoolean: Check = (value) => typeof value === "boolean";
const isObject: Check = (value) => typeof value === "object" && value !== null;
const isDuration =
  (least: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= least;
const either =
  (...checks: readonly (Check | string | number)[]): Check =>
  (value) =>
    checks.some((check) => (typeof check === "function" ? check(value) : check === value));

/** What is allowed, by option: how a message says it, and how it is checked. */
export type Allowed = Readonly<Record<string, readonly [says: string, check: Check]>>;

const FUNCTION_OR = "or a function";
const MS = "a whole number of milliseconds";

export const LOCK_ALLOWED = {
  locks: ["what createLocks returns", (value) => isObject(value) && "acquire" in Object(value)],
  skip: ["a function", isFunction],
  wait: [`${MS} from 0, or "forever"`, either(isDuration(0), "forever")],
  ttl: [`${MS} from 1`, isDuration(1)],
  maxHold: [`${MS} from 1, or "forever"`, either(isDuration(1), "forever")],
  onDisconnect: ['"abort-hold", "hold" or "release"', either("abort-hold", "hold", "release")],
  onBackendError: [`"fail", "open" ${FUNCTION_OR}`, either("fail", "open", isFunction)],
} satisfies Allowed;

const ALLOWED: Allowed = {
  ...LOCK_ALLOWED,
  key: [
    `a string, a list of strings ${FUNCTION_OR}`,
    either((key) => typeof key === "string", Array.isArray, isFunction),
  ],
  mode: [`"exclusive", "shared", "auto" ${FUNCTION_OR}`, either("exclusive", "shared", "auto", isFunction)],
  releaseAt: ['"before-end" or "finish"', either("before-end", "finish")],
  destroyOnLost: ["true or false", isBoolean],
  contentionStatus: ["409, 423, 429 or 503", either(409, 423, 429, 503)],
  retryAfter: [`${MS} from 0 ${FUNCTION_OR}`, either(isDuration(0), isFunction)],
  handler: ["a function", isFunction],
  problem: ["an object", isObject],
  validate: ["true, false or an object", either(isBoolean, isObject)],
};

/**
 * Refuses options that are missing, wrong or unknown.
 * @throws LockUsageError
 */
export function checkOptions(
  name: string,
  options: unknown,
  required: readonly string[],
  allowed: Allowed = ALLOWED,
): void {
  if (!isObject(options))
    throw new LockUsageError(`${name} needs an object of options, got ${show(options)}`);
  const given = new Map<string, unknown>(Object.entries(Object(options)));
  for (const option of required) given.set(option, given.get(option));
  for (const [option, value] of given) {
    const rule = allowed[option];
    if (rule === undefined) {
      const all = Object.keys(allowed).sort().join(", ");
      throw new LockUsageError(`${name} has no option ${JSON.stringify(option)}; it has ${all}`);
    }
    if (value === undefined ? required.includes(option) : !rule[1](value)) {
      throw new LockUsageError(`${name}: ${option} must be ${rule[0]}, got ${show(value)}`);
    }
  }
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return isObject(value) ? "an object" : String(value);
}

/** @throws LockUsageError */
export function checkHandler(name: string, handler: unknown): void {
  if (handler === undefined || typeof handler === "function") return;
  throw new LockUsageError(`${name} takes a handler as its second argument, got ${typeof handler}`);
}

import type { Locks, LockTimeoutError, Wait } from "@lock/core";
import type { AllowedOptions } from "@lock/core/adapter";
import type { NextFunction, Request, Response } from "express";

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

/** The checks that are made while requests are served; `help/` has a page for each. */
export type CheckName = "mountedTwice" | "keyIgnoresTenant" | "waitOutlastsServer" | "endIsWrapped";

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
   * "before-end": released before the client has the whole answer, so that a request it sends then finds the key free;
   * the answer waits for that, at most 250 ms. "after-end": released when all that `res.end` does has been done, such
   * as saving a session. "finish": released after the answer was sent. Default: "before-end", or "after-end" where a
   * middleware in front has an `end` of its own.
   */
  readonly releaseAt?: "before-end" | "after-end" | "finish";
  /**
   * When the lock backend cannot be reached: "fail" (default) calls `next` with the error and status 503; "open" runs
   * the handler without a lease. As a function, it also is the place to log the error.
   */
  readonly onBackendError?: "fail" | "open" | ((error: Error, req: Request<P>) => "fail" | "open");
  /** When a lease is lost after the headers were sent: destroy the response, so that the client notices. Default false. */
  readonly destroyOnLost?: boolean;
  /** The status of a refusal. Default 409. */
  readonly contentionStatus?: 409 | 423 | 429 | 503;
  /** What a refusal's Retry-After says, rounded up to seconds. Default: how long the key was held lately, or 1 s. */
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

const FUNCTION = "a function";
const COUNT = "a whole number from 1";
const FLAG = "true or false";
const OBJECT = "an object";

/** How requests are locked, whatever for. */
export const LOCK_ALLOWED = {
  locks: ["what createLocks returns"],
  wait: ["a whole number from 0", "forever"],
  ttl: [COUNT],
  maxHold: [COUNT, "forever"],
} satisfies AllowedOptions;

export const ROUTE_ALLOWED: AllowedOptions = {
  ...LOCK_ALLOWED,
  key: ["a string", "a list of strings", FUNCTION],
  mode: ["exclusive", "shared", "auto", FUNCTION],
  skip: [FUNCTION],
  onDisconnect: ["abort-hold", "hold", "release"],
  releaseAt: ["before-end", "after-end", "finish"],
  onBackendError: ["fail", "open", FUNCTION],
  destroyOnLost: [FLAG],
  contentionStatus: [409, 423, 429, 503],
  retryAfter: ["a whole number from 0", FUNCTION],
  handler: [FUNCTION],
  problem: [OBJECT],
  validate: [FLAG, OBJECT],
};

/** What may follow the options. */
export const HANDLER_ALLOWED: AllowedOptions = { handler: [FUNCTION] };

import type { AllowedOptions } from "@lock/core/adapter";
import type { Request } from "express";
import { LOCK_ALLOWED, type LockRouteOptions } from "../options.ts";
import type { RecordStore } from "./records.ts";

/** Options of `idempotent`. Durations are milliseconds. */
export interface IdempotentOptions<P = Request["params"]>
  extends Pick<LockRouteOptions<P>, "locks" | "wait" | "ttl" | "maxHold"> {
  /** Where answers are kept: `ioredisRecords(redis)`, `nodeRedisRecords(client)` or `inProcessRecords()`. */
  readonly records: RecordStore;
  /** Whose request it is: a key of one tenant says nothing to another. `() => ""` where there is only one. */
  readonly tenant: (req: Request<P>) => string;
  /** Whether a request without the header is refused with 400. Default false: it is let through. */
  readonly required?: boolean;
  /** The methods that it is for. Default POST and PATCH: the others are idempotent by themselves. */
  readonly methods?: readonly string[];
  /**
   * What tells two payloads of one url apart; undefined where that cannot be told, which is answered with 415. Default:
   * the parsed body, whatever the order of its fields, and files in memory.
   */
  readonly fingerprint?: (req: Request<P>) => string | undefined | Promise<string | undefined>;
  /** How long an answer is kept. Default 86,400,000 (24 h). */
  readonly keepFor?: number;
  /** The longest body of an answer that is kept, in bytes. Default 1,048,576. */
  readonly maxBody?: number;
  /** Whether an answer with a status of 500 or more is kept: default false, so a retry tries again. */
  readonly keepServerErrors?: boolean;
  /**
   * When a process dies while it does the work: "run" (default) lets a retry do it again; "refuse" answers retries with
   * 409 and the code "ABANDONED" until `settleIdempotent` says what became of it. "refuse" costs one write more.
   */
  readonly onAbandoned?: "run" | "refuse";
  /** As for `lockRoute`, but "hold" by default: whoever tries again wants to hear what became of it. */
  readonly onDisconnect?: "abort-hold" | "hold";
}

/** How long what is known of a request is kept, ms. */
export const KEEP_FOR = 86_400_000;

export const IDEMPOTENT_ALLOWED: AllowedOptions = {
  ...LOCK_ALLOWED,
  records: ["an object"],
  tenant: ["a function"],
  required: ["true or false"],
  methods: ["a list of strings"],
  fingerprint: ["a function"],
  keepFor: ["a whole number from 1"],
  maxBody: ["a whole number from 1"],
  keepServerErrors: ["true or false"],
  onDisconnect: ["abort-hold", "hold"],
  onAbandoned: ["run", "refuse"],
};

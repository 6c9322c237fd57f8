import type { Locks, Wait } from "@lock/core";
import { type AllowedOptions, checkOptions, LockUsageError } from "./core.ts";

/** What `createLocks` returns, as far as jobs need it; a quorum has no semaphores, and can guard no `limit`. */
export type JobLocks = Pick<Locks, "acquire" | "inspect" | "forceRelease"> &
  Partial<Pick<Locks, "semaphore">>;

/** Until when a second job of a key is refused by `add`; whether two of them may be worked on at once. */
export type Strategy =
  | "until-executing"
  | "until-executed"
  | "until-expired"
  | "while-executing"
  | "until-and-while-executing";

/** What a key is made of. `data` is as the worker will see it: what JSON keeps of it. */
export interface JobFacts<Data = unknown> {
  readonly queue: string;
  readonly name: string;
  readonly data: Data;
}

/** Jobs with the same key are the same job. `hash`: of the name and the whole payload, or some fields of it. */
export type JobKey<Data = unknown> = ((job: JobFacts<Data>) => string) | HashedKey;

export interface HashedKey {
  readonly hash: "data" | readonly string[];
}

/** A job, as far as it has an id: one that was not added has none, unless its producer chose it. */
export interface EventJob {
  readonly queue: string;
  readonly jobId: string | undefined;
}

/** A job that stands in the way of another. */
export interface JobOwner {
  readonly queue: string;
  readonly jobId: string;
}

export type EnqueueConflict = "skip" | "throw" | "replace" | "keep-latest";
export type ExecuteConflict = "reschedule" | "complete" | "fail" | "cancel-holder";

export const EXECUTE_CONFLICTS: readonly unknown[] = [
  "reschedule",
  "complete",
  "fail",
  "cancel-holder",
] satisfies ExecuteConflict[];

/** A job that cannot run since its key is held by as many as may. */
export interface ExecuteConflictFacts {
  readonly key: string;
  readonly queue: string;
  readonly jobId: string;
}

/** When a job that found its key busy is tried again. Durations are milliseconds. */
export interface RescheduleOptions {
  /** The first delay; doubled with each conflict. Default 500. */
  readonly min?: number;
  /** The longest delay. Default 15,000. */
  readonly max?: number;
  /** Which part of a delay is random, 0 to 1. Default 0.5. */
  readonly jitter?: number;
  /** A job that still finds its key busy when its delays add up to this fails, and is not tried again. Default 86,400,000. */
  readonly deadline?: number;
}

/** Durations are milliseconds. */
export interface GuardOptions<Data = unknown> {
  readonly locks: JobLocks;
  readonly strategy: Strategy;
  readonly key: JobKey<Data>;
  /** Among which jobs a key is meant: of the same queue (default), of all queues, or of all guards with this name. */
  readonly scope?: "queue" | "global" | (string & {});
  /**
   * until-expired: how long a second job is refused (required). Otherwise the longest time for which a waiting job
   * keeps others out; default 86,400,000. At most the `maxTtl` of the locks.
   */
  readonly window?: number;
  /** How many jobs of a key may be worked on at once; only for strategies that guard the execution. Default 1. */
  readonly limit?: number;
  readonly onConflict?: {
    /** Default "skip". */
    readonly enqueue?: EnqueueConflict;
    /** Default "reschedule". */
    readonly execute?: ExecuteConflict | ((conflict: ExecuteConflictFacts) => ExecuteConflict);
  };
  /** How long a worker waits for a busy key before it is a conflict. Default 0. */
  readonly wait?: Wait;
  /** How long the server keeps the lease of a run unless it is extended. Default: of `locks`. */
  readonly ttl?: number;
  readonly reschedule?: RescheduleOptions;
  /** Called when a run is told to stop since its lease, or BullMQ's lock of its job, was lost; as the event `lost`. */
  readonly onLost?: (lost: { readonly key: string; readonly job: EventJob; readonly error: Error }) => void;
  /** What happens to a job when the locks cannot be reached. `add` rejects unless it is "run-unlocked". Default "delay". */
  readonly onBackendError?: "delay" | "fail" | "run-unlocked";
}

/** What a strategy does. */
export interface Rules {
  /** `add` claims the key. */
  readonly claims: boolean;
  /** The claim ends when the job begins, when it is over, or by time only. */
  readonly claimEnds: "start" | "end" | "never";
  /** Only `limit` jobs of a key run at once. */
  readonly runsAlone: boolean;
}

export const RULES: Readonly<Record<Strategy, Rules>> = {
  "until-executing": { claims: true, claimEnds: "start", runsAlone: false },
  "until-executed": { claims: true, claimEnds: "end", runsAlone: false },
  "until-expired": { claims: true, claimEnds: "never", runsAlone: false },
  "while-executing": { claims: false, claimEnds: "never", runsAlone: true },
  "until-and-while-executing": { claims: true, claimEnds: "start", runsAlone: true },
};

const COUNT = "a whole number from 1";

const ALLOWED: AllowedOptions = {
  locks: ["what createLocks returns"],
  strategy: Object.keys(RULES),
  key: ["a function", "an object"],
  scope: ["a string"],
  window: [COUNT],
  limit: [COUNT],
  onConflict: ["an object"],
  wait: ["a whole number from 0", "forever"],
  ttl: [COUNT],
  reschedule: ["an object"],
  onLost: ["a function"],
  onBackendError: ["delay", "fail", "run-unlocked"],
};

const CONFLICTS: AllowedOptions = {
  enqueue: ["skip", "throw", "replace", "keep-latest"] satisfies EnqueueConflict[],
  execute: [...EXECUTE_CONFLICTS, "a function"],
};

const HASH: AllowedOptions = { hash: ["data", "a list of strings"] };

const RESCHEDULE: AllowedOptions = {
  min: [COUNT],
  max: [COUNT],
  jitter: ["a number from 0 to 1"],
  deadline: [COUNT],
};

export const DAY = 86_400_000;

/** The longest delay before a job is tried again, ms. */
export const DEFAULT_MAX_DELAY = 15_000;

/** @throws LockUsageError for options that are wrong, or contradict each other */
export function checkGuardOptions(options: GuardOptions): void {
  checkOptions("guardJobs", options, ALLOWED, ["locks", "strategy", "key"]);
  const { key, onConflict = {}, reschedule = {} } = options;
  checkOptions("guardJobs: onConflict", onConflict, CONFLICTS, []);
  checkOptions("guardJobs: reschedule", reschedule, RESCHEDULE, []);
  if (typeof key === "object") checkOptions("guardJobs: key", key, HASH, ["hash"]);
  for (const [isWrong, problem] of contradictions(options)) {
    if (isWrong) throw new LockUsageError(`guardJobs: ${problem}`);
  }
}

function contradictions(options: GuardOptions): [isWrong: boolean, problem: string][] {
  const { locks, strategy, key, window, limit, wait, ttl, onConflict = {}, reschedule = {} } = options;
  const { enqueue, execute } = onConflict;
  const { min = 0, max = DEFAULT_MAX_DELAY } = reschedule;
  const { claims, claimEnds, runsAlone } = RULES[strategy];
  const unclaimed = `has no meaning for "${strategy}": add claims nothing`;
  const unguarded = `has no meaning for "${strategy}", which does not guard the execution: use "while-executing" or "until-and-while-executing"`;
  const ofRuns = Object.entries({ limit, wait, ttl, "onConflict.execute": execute });
  return [
    [
      limit !== undefined && limit > 1 && locks.semaphore === undefined,
      "a limit needs locks with semaphores, which a quorum has not: use a backend of a single server",
    ],
    [min > max, `reschedule.min (${min}) must not be more than reschedule.max (${max})`],
    [
      strategy === "until-expired" && window === undefined,
      '"until-expired" needs a window: for how long a second job is refused, in milliseconds',
    ],
    [!claims && window !== undefined, `window ${unclaimed}`],
    [!claims && enqueue !== undefined, `onConflict.enqueue ${unclaimed}`],
    ...ofRuns.map(([name, value]): [boolean, string] => [
      !runsAlone && value !== undefined,
      `${name} ${unguarded}`,
    ]),
    [
      typeof key === "object" && key.hash.length === 0,
      'key: { hash: [] } gives all jobs of a name the same key; name at least one field, or write { hash: "data" }',
    ],
    [
      enqueue === "replace" && claimEnds === "never",
      `"replace" has no meaning for "${strategy}": its window lasts whatever becomes of the job`,
    ],
    [
      enqueue === "keep-latest" && claimEnds !== "start",
      `"keep-latest" would keep the latest out while a job runs: use "until-executing" or "until-and-while-executing"`,
    ],
  ];
}

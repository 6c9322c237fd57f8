import { setTimeout as pause } from "node:timers/promises";
import { type Lease, LockUsageError } from "@lock/core";
import { LazyAbort } from "@lock/core/adapter";
import { bullmqError, isFinal, type JobLike } from "./bullmq.ts";
import type { Claims } from "./claims.ts";
import { isBusy, isOutage } from "./errors.ts";
import type { Events } from "./events.ts";
import type { JobKeys } from "./keys.ts";
import {
  DEFAULT_MAX_DELAY,
  EXECUTE_CONFLICTS,
  type GuardOptions,
  type JobOwner,
  RULES,
  type Rules,
} from "./options.ts";
import { ownerOf } from "./queues.ts";

const DAY = 86_400_000;

/** What a processor gets beside its job. */
export interface RunContext {
  /** BullMQ's own, for `job.moveToDelayed` and the like. */
  readonly token: string | undefined;
  /** Aborts when the lease is lost, when BullMQ's lock of the job is (`attach`), and when BullMQ cancels the job. */
  readonly signal: AbortSignal;
  /** Undefined where the strategy does not guard the execution, or the job runs unguarded. */
  readonly lease: Lease | undefined;
  /** Of the lease: send it with each write, and let the store refuse a smaller one. */
  readonly fencingToken: number | undefined;
}

/** Does the work of a job. */
export type GuardedProcessor<Job, Result> = (job: Job, context: RunContext) => Result | Promise<Result>;

/** One run of a job, from its start to its end. */
interface Run {
  readonly job: JobLike;
  readonly owner: JobOwner;
  readonly key: string;
  readonly token: string | undefined;
  /** Of BullMQ: aborts when the job is cancelled. */
  readonly cancelled: AbortSignal | undefined;
  readonly abort: LazyAbort;
  hasBegun: boolean;
  /** The end of its claim was asked for, and nothing more is to be done about it. */
  isClaimEnded: boolean;
}

/** Whether the work is to be done, and with which lease. */
type Admission = { readonly run: true; readonly lease: Lease | undefined } | { readonly run: false };

const UNGUARDED: Admission = { run: true, lease: undefined };

/** The side of workers: keeps jobs of one key apart, and ends their claims. */
export class Execute {
  /** The runs of this process. One job may have two: a run that stalled, and the next. */
  readonly #runs = new Set<Run>();
  readonly #rules: Rules;

  constructor(
    private readonly options: GuardOptions,
    private readonly keys: JobKeys,
    /** Undefined where `add` claims nothing. */
    private readonly claims: Claims | undefined,
    private readonly events: Events,
  ) {
    this.#rules = RULES[options.strategy];
  }

  async run<Job extends JobLike, Result>(
    job: Job,
    token: string | undefined,
    signal: AbortSignal | undefined,
    work: GuardedProcessor<Job, Result>,
  ): Promise<Result | undefined> {
    const run = this.#begin(job, token, signal);
    let isOver = false;
    try {
      const admission = this.#rules.runsAlone ? await this.#admit(run) : UNGUARDED;
      const result = admission.run ? await this.#work(run, admission.lease, job, work) : undefined;
      isOver = true;
      return result;
    } catch (error) {
      isOver = isFinal(job, error);
      throw error;
    } finally {
      this.#runs.delete(run);
      const { claimEnds } = this.#rules;
      const ends = claimEnds !== "never" && (isOver || (claimEnds === "start" && run.hasBegun));
      if (ends && !run.isClaimEnded) await this.#endClaim(run);
    }
  }

  /** BullMQ could not renew its lock of a job: somebody else may be given it. */
  lockLost({ queue, jobId }: JobOwner): void {
    for (const run of this.#runs) {
      if (run.owner.queue !== queue || run.owner.jobId !== jobId) continue;
      this.#lose(run, new Error(`BullMQ could not renew its lock of job ${jobId} of the queue "${queue}"`));
    }
  }

  #begin(job: JobLike, token: string | undefined, cancelled: AbortSignal | undefined): Run {
    const run = {
      job,
      owner: ownerOf(job),
      key: this.keys.ofStored(job),
      token,
      cancelled,
      abort: new LazyAbort(cancelled),
      hasBegun: false,
      isClaimEnded: false,
    };
    this.#runs.add(run);
    return run;
  }

  async #work<Job, Result>(
    run: Run,
    lease: Lease | undefined,
    job: Job,
    work: GuardedProcessor<Job, Result>,
  ): Promise<Result> {
    const endsAtStart = this.#rules.claimEnds === "start";
    const { token, abort } = run;
    run.hasBegun = true;
    try {
      if (endsAtStart && lease === undefined) run.isClaimEnded = await this.#endClaim(run);
      return await work(job, {
        token,
        get signal() {
          return abort.signal;
        },
        lease,
        fencingToken: lease?.fencingToken,
      });
    } finally {
      if (lease !== undefined) {
        run.isClaimEnded = endsAtStart;
        // Who runs alone is known to have begun by its lease. Both are freed in one turn: that is one command.
        const ending = endsAtStart && this.#endClaim(run);
        await lease[Symbol.asyncDispose]();
        await ending;
      }
    }
  }

  /** Whether it came through. A claim that cannot be ended is taken over by whoever finds its job over. */
  async #endClaim({ key, owner, job }: Run): Promise<boolean> {
    try {
      const wasThere = await this.claims?.endOf(this.keys.claim(key, owner.queue), owner);
      // Later attempts find it ended by the first; that of a job which runs alone may be taken over when it has begun.
      if (!wasThere && job.attemptsStarted <= 1 && !this.#rules.runsAlone) {
        this.events.emit("unguarded", { key, job: owner, reason: "claim-ended" });
      }
      return true;
    } catch {
      // What became of the work is not to be hidden by it.
      return false;
    }
  }

  /** @throws Error where the job is not to be run now; BullMQ shows it */
  async #admit(run: Run): Promise<Admission> {
    try {
      return await this.#enter(run);
    } catch (error) {
      if (isOutage(error)) return this.#outage(run, error);
      // A job may be cancelled with anything.
      throw error instanceof Error ? error : new Error(String(error));
    }
  }

  async #enter(run: Run): Promise<Admission> {
    try {
      return { run: true, lease: await this.#acquire(run, this.options.wait ?? 0) };
    } catch (error) {
      if (!isBusy(error)) throw error;
      return this.#conflict(run, error);
    }
  }

  /** Never by the id of the job: a run that stalled must not be joined by the next one of the same job. */
  #acquire(run: Run, wait: GuardOptions["wait"]): Promise<Lease> {
    const { locks, limit = 1, ttl } = this.options;
    const { key, owner, abort } = run;
    const runKey = this.keys.run(key, owner.queue);
    const options = {
      wait,
      ttl,
      signal: wait === 0 ? undefined : abort.signal,
      meta: { ...owner },
      onLost: (error: Error) => this.#lose(run, error),
    };
    const several = limit === 1 ? undefined : locks.semaphore?.(runKey, { permits: limit });
    return several === undefined ? locks.acquire(runKey, options) : several.acquire(options);
  }

  #lose(run: Run, error: Error): void {
    if (run.abort.aborted) return;
    this.events.emit("lost", { key: run.key, job: run.owner, error });
    run.abort.abort(error);
    // Its lease told that it has begun.
    if (this.#rules.claimEnds === "start" && run.hasBegun) void this.#endClaim(run);
  }

  async #outage(run: Run, error: unknown): Promise<Admission> {
    const { onBackendError = "delay" } = this.options;
    if (onBackendError === "fail") throw error;
    if (onBackendError === "delay") return this.#reschedule(run, error);
    this.events.emit("unguarded", { key: run.key, job: run.owner, reason: "backend" });
    return { run: true, lease: undefined };
  }

  async #conflict(run: Run, error: Error): Promise<Admission> {
    const { execute = "reschedule" } = this.options.onConflict ?? {};
    const { key, owner } = run;
    const choice: unknown = typeof execute === "function" ? execute({ key, ...owner }) : execute;
    if (!EXECUTE_CONFLICTS.includes(choice)) {
      throw new LockUsageError(
        `onConflict.execute must give ${EXECUTE_CONFLICTS.join(", ")}, and no promise, got ${String(choice)}`,
      );
    }
    if (choice === "reschedule") return this.#reschedule(run, error);
    if (choice === "cancel-holder") return this.#cancelHolder(run);
    const state = await this.options.locks.inspect(this.keys.run(key, owner.queue));
    const holders = (state?.holders ?? []).map(({ meta }) => holderOf(meta));
    // Its own run, which died or stalled: nobody else does its work.
    const isOwn = holders.some((holder) => holder?.queue === owner.queue && holder.jobId === owner.jobId);
    if (isOwn) return this.#reschedule(run, error);
    this.events.emit("duplicate", { key, job: owner, existing: holders[0] });
    if (choice === "complete") return { run: false };
    throw error;
  }

  /** Costs no attempt. @throws DelayedError, by which BullMQ knows what was done */
  async #reschedule({ job, owner, key, token }: Run, cause: unknown): Promise<never> {
    const {
      min = 500,
      max = DEFAULT_MAX_DELAY,
      jitter = 0.5,
      deadline = DAY,
    } = this.options.reschedule ?? {};
    const late = Date.now() - job.timestamp - (job.opts.delay ?? 0);
    const conflicts = Math.max(0, job.attemptsStarted - job.attemptsMade - 1);
    // One that comes late by itself is not to fail at its first conflict.
    if (conflicts > 0 && late > deadline) {
      const message = `the key "${key}" was busy for too long: ${late} ms after it was due, job ${owner.jobId} gives up`;
      throw Object.assign(bullmqError("UnrecoverableError", message), { cause });
    }
    const longest = Math.min(max, min * 2 ** Math.min(conflicts, 30));
    const delay = Math.round(longest * (1 - jitter * Math.random()));
    await job.moveToDelayed(Date.now() + delay, token);
    this.events.emit("rescheduled", { key, job: owner, delay });
    throw bullmqError("DelayedError", `the key "${key}" is busy: tried again in ${delay} ms`);
  }

  /** Takes the lease from who has it; the work begins when that one cannot believe in it any more. */
  async #cancelHolder(run: Run): Promise<Admission> {
    const { locks } = this.options;
    const { key, owner } = run;
    const runKey = this.keys.run(key, owner.queue);
    const [holder] = (await locks.inspect(runKey))?.holders ?? [];
    if (holder !== undefined && (await locks.forceRelease(runKey, { token: holder.token }))) {
      this.events.emit("takenOver", { key, job: owner, from: holderOf(holder.meta) });
    }
    const believed = performance.now() + (holder?.remaining ?? 0);
    let lease: Lease;
    try {
      lease = await this.#acquire(run, this.options.wait ?? 0);
    } catch (error) {
      // Somebody else was faster.
      if (isBusy(error)) return this.#reschedule(run, error);
      throw error;
    }
    try {
      await pause(Math.max(0, believed - performance.now()), undefined, { signal: run.abort.signal });
      return { run: true, lease };
    } catch (error) {
      await lease[Symbol.asyncDispose]();
      if (run.cancelled?.aborted) throw run.cancelled.reason;
      // It was taken from us in turn: our work has not begun.
      return this.#reschedule(run, error);
    }
  }
}

function holderOf({ queue, jobId }: Readonly<Record<string, string>>): JobOwner | undefined {
  return queue === undefined || jobId === undefined ? undefined : { queue, jobId };
}

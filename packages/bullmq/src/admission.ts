import { setTimeout as pause } from "node:timers/promises";
import type { Lease } from "@lock/core";
import { bullmqError, isSameJob, type JobLike } from "./bullmq.ts";
import { type Claim, ownerIn } from "./claims.ts";
import { type LazyAbort, LockUsageError, showChoice } from "./core.ts";
import { isBusy, isOutage } from "./errors.ts";
import { type JobName, runKey } from "./keys.ts";
import { DAY, DEFAULT_MAX_DELAY, EXECUTE_CONFLICTS, type JobOwner, RULES } from "./options.ts";
import type { GuardParts } from "./parts.ts";

/** One run of a job, from its start to its end. */
export interface Run extends JobName {
  readonly job: JobLike;
  readonly owner: JobOwner;
  /** What the job remembers of its `add`. */
  readonly claim: Claim | undefined;
  readonly token: string | undefined;
  /** Of BullMQ: aborts when the job is cancelled. */
  readonly cancelled: AbortSignal | undefined;
  readonly abort: LazyAbort;
  hasBegun: boolean;
  /** BullMQ's lock of the job is lost: another run of it may be under way, or will be. */
  isLockLost: boolean;
  /** The end of its claim was asked for, and nothing more is to be done about it. */
  isClaimEnded: boolean;
}

/** Whether the work is to be done, and with which lease. */
export type Admission = { readonly run: true; readonly lease: Lease | undefined } | { readonly run: false };

/** Decides whether a job may run now; where it may not, what becomes of it. */
export class Admissions {
  readonly #guard: GuardParts;
  readonly #lose: (run: Run, error: Error) => void;

  /** `lose`: what is to be done when a run loses its lease. */
  constructor(guard: GuardParts, lose: (run: Run, error: Error) => void) {
    this.#guard = guard;
    this.#lose = lose;
  }

  /** @throws Error where the job is not to be run now; BullMQ shows it */
  async admit(run: Run): Promise<Admission> {
    try {
      return await this.#enter(run);
    } catch (error) {
      if (isOutage(error)) return this.#outage(run, error);
      // A job may be cancelled with anything.
      throw error instanceof Error ? error : new Error(String(error));
    }
  }

  async #enter(run: Run): Promise<Admission> {
    const { claim, job } = run;
    const runsAgain = job.attemptsStarted > 1 || (Array.isArray(job.stacktrace) && job.stacktrace.length > 0);
    // Its claim may have ended with a run before, and a newer job of its key may be there.
    if (claim?.token !== undefined && runsAgain && RULES[claim.strategy].claimEnds === "end") {
      if (!(await this.#guard.claims.take(claim))) return this.#reschedule(run);
    }
    if (!RULES[this.#guard.options.strategy].runsAlone) return { run: true, lease: undefined };
    try {
      return { run: true, lease: await this.#acquire(run) };
    } catch (error) {
      if (!isBusy(error)) throw error;
      return this.#conflict(run, error);
    }
  }

  /** Never by the id of the job: a run that stalled must not be joined by the next one of the same job. */
  #acquire(run: Run, minHold?: number): Promise<Lease> {
    const { locks, limit = 1, ttl, wait = 0 } = this.#guard.options;
    const { owner, abort } = run;
    const name = runKey(run.name);
    const options = {
      wait,
      ttl,
      minHold,
      signal: wait === 0 ? undefined : abort.signal,
      meta: { ...owner },
      onLost: (error: Error) => this.#lose(run, error),
    };
    const several = limit === 1 ? undefined : locks.semaphore?.(name, { permits: limit });
    return several === undefined ? locks.acquire(name, options) : several.acquire(options);
  }

  async #outage(run: Run, error: unknown): Promise<Admission> {
    const { onBackendError = "delay" } = this.#guard.options;
    if (onBackendError === "fail") throw error;
    if (onBackendError === "delay") return this.#reschedule(run, error);
    this.#guard.events.emit("unguarded", { key: run.key, job: run.owner, reason: "backend" });
    return { run: true, lease: undefined };
  }

  async #conflict(run: Run, error: Error): Promise<Admission> {
    const { execute = "reschedule" } = this.#guard.options.onConflict ?? {};
    const { key, owner } = run;
    const choice: unknown = typeof execute === "function" ? execute({ key, ...owner }) : execute;
    if (!EXECUTE_CONFLICTS.includes(choice)) {
      throw new LockUsageError(
        `onConflict.execute must give ${EXECUTE_CONFLICTS.join(", ")}, and no promise, got ${showChoice(choice)}`,
      );
    }
    // Whoever was started before may have been cancelled, and would cancel its successor in turn, for ever.
    const cancels = choice === "cancel-holder" && run.job.attemptsStarted <= 1;
    if (cancels) return this.#cancelHolder(run);
    if (choice === "reschedule" || choice === "cancel-holder") return this.#reschedule(run, error);
    const holders = (await this.#guard.claims.holdersOf(runKey(run.name))).map(({ meta }) => ownerIn(meta));
    // Its own run, which died or stalled, or nobody any more: so nobody else does its work.
    const isOwn = holders.some((holder) => isSameJob(holder, owner));
    if (isOwn || holders.length === 0) return this.#reschedule(run, error);
    this.#guard.events.emit("duplicate", { key, job: owner, existing: holders[0] });
    if (choice === "complete") return { run: false };
    throw error;
  }

  /** Costs no attempt. @throws DelayedError, by which BullMQ knows what was done */
  async #reschedule(run: Run, cause?: unknown): Promise<never> {
    const { job, owner, key, token } = run;
    const {
      min = 500,
      max = DEFAULT_MAX_DELAY,
      jitter = 0.5,
      deadline = DAY,
    } = this.#guard.options.reschedule ?? {};
    const why = isOutage(cause) ? "the locks are out of reach" : `the key "${key}" is busy`;
    const conflicts = Math.max(0, job.attemptsStarted - job.attemptsMade - 1);
    const doublings = Math.min(conflicts, Math.ceil(Math.log2(max / min)));
    const delays = min * (2 ** doublings - 1) + (conflicts - doublings) * max;
    const waited = Math.round(delays * (1 - jitter / 2));
    if (waited >= deadline) {
      const message = `${why}, and job ${owner.jobId} gives up after ${conflicts} delays of about ${waited} ms in all`;
      throw Object.assign(bullmqError("UnrecoverableError", message), { cause });
    }
    const longest = Math.min(max, min * 2 ** doublings);
    const delay = Math.round(longest * (1 - jitter * Math.random()));
    try {
      await job.moveToDelayed(Date.now() + delay, token);
    } catch (error) {
      run.isLockLost = true;
      throw error;
    }
    this.#guard.events.emit("rescheduled", { key, job: owner, delay });
    throw bullmqError("DelayedError", `${why}: tried again in ${delay} ms`);
  }

  /** Takes the lease from who has it; the work begins when that one cannot believe in it any more. */
  async #cancelHolder(run: Run): Promise<Admission> {
    const { locks } = this.#guard.options;
    const { key, owner } = run;
    const name = runKey(run.name);
    const [holder] = await this.#guard.claims.holdersOf(name);
    if (holder !== undefined && (await locks.forceRelease(name, { token: holder.token }))) {
      this.#guard.events.emit("takenOver", { key, job: owner, from: ownerIn(holder.meta) });
    }
    const remaining = Math.min(Math.ceil(holder?.remaining ?? 0), this.#guard.claims.maxTtl);
    const believed = performance.now() + remaining;
    let lease: Lease;
    try {
      // Should we be cancelled in turn, the key is free when nobody can believe in it any more.
      lease = await this.#acquire(run, remaining);
    } catch (error) {
      // Somebody else was faster.
      if (isBusy(error)) return this.#reschedule(run, error);
      throw error;
    }
    try {
      await pauseUntil(believed, run.abort.signal);
      return { run: true, lease };
    } catch (error) {
      await lease[Symbol.asyncDispose]();
      if (run.cancelled?.aborted) throw run.cancelled.reason;
      // It was taken from us in turn: our work has not begun.
      return this.#reschedule(run, error);
    }
  }
}

/** A longer timer would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Resolves at that time of `performance.now`. */
async function pauseUntil(time: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const left = time - performance.now();
    await pause(Math.min(Math.max(0, left), LONGEST_TIMER), undefined, { signal });
    if (left <= LONGEST_TIMER) return;
  }
}

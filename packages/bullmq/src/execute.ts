import type { Lease } from "@lock/core";
import { Admissions, type Run } from "./admission.ts";
import { isFinal, isSameJob, type JobLike, ownerOf } from "./bullmq.ts";
import { claimOf } from "./claims.ts";
import { LazyAbort } from "./core.ts";
import { keyIn } from "./keys.ts";
import { type JobOwner, RULES, type Rules } from "./options.ts";
import type { GuardParts } from "./parts.ts";

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

/** The side of workers: keeps jobs of one key apart, and ends their claims. */
export class Execute {
  /** The runs of this process. One job may have two: a run that stalled, and the next. */
  readonly #runs = new Set<Run>();
  readonly #admissions: Admissions;

  readonly #guard: GuardParts;

  constructor(guard: GuardParts) {
    this.#guard = guard;
    this.#admissions = new Admissions(guard, (run, error) => this.#lose(run, error));
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
      const admission = await this.#admissions.admit(run);
      const result = admission.run ? await this.#work(run, admission.lease, job, work) : undefined;
      isOver = true;
      return result;
    } catch (error) {
      isOver = isFinal(job, error);
      throw error;
    } finally {
      this.#runs.delete(run);
      const { claimEnds } = this.#rulesOf(run);
      const hasEnded = (claimEnds === "start" && run.hasBegun) || (isOver && !run.isLockLost);
      if (claimEnds !== "never" && hasEnded && !run.isClaimEnded && !(await this.#endClaim(run))) {
        this.#guard.events.emit("leftBehind", { key: keyIn(`${run.claim?.name}`), job: run.owner });
        this.#guard.events.warn("LOCK_JOB_CLAIM_LEFT_BEHIND");
      }
    }
  }

  /** BullMQ could not renew its lock of a job: another worker may be given it. */
  lockLost(job: JobOwner): void {
    const { queue, jobId } = job;
    for (const run of this.#runs) {
      if (!isSameJob(run.owner, job)) continue;
      run.isLockLost = true;
      this.#lose(run, new Error(`BullMQ could not renew its lock of job ${jobId} of the queue "${queue}"`));
    }
  }

  #begin(job: JobLike, token: string | undefined, cancelled: AbortSignal | undefined): Run {
    const claim = claimOf(job);
    const { strategy } = this.#guard.options;
    // A run of a guard that claims nothing may be apart by another key than the claims of another guard.
    const isItsOwn = claim !== undefined && (claim.strategy === strategy || !RULES[strategy].runsAlone);
    const run = {
      ...(isItsOwn ? { name: claim.name, key: keyIn(claim.name) } : this.#guard.keys.ofStored(job)),
      job,
      claim,
      owner: ownerOf(job),
      token,
      cancelled,
      abort: new LazyAbort(cancelled),
      hasBegun: false,
      isLockLost: false,
      isClaimEnded: false,
    };
    this.#runs.add(run);
    return run;
  }

  /** A claim ends by the rules of the guard that made it. */
  #rulesOf({ claim }: Run): Rules {
    return RULES[claim?.strategy ?? this.#guard.options.strategy];
  }

  async #work<Job, Result>(
    run: Run,
    lease: Lease | undefined,
    job: Job,
    work: GuardedProcessor<Job, Result>,
  ): Promise<Result> {
    const { token, abort, claim } = run;
    const endsAtStart = this.#rulesOf(run).claimEnds === "start";
    // A job that runs alone is known to have begun by its lease. Both are freed in one turn: that is one command.
    const endsWithLease = lease !== undefined && claim?.strategy === this.#guard.options.strategy;
    run.hasBegun = true;
    try {
      if (endsAtStart && !endsWithLease) run.isClaimEnded = await this.#endClaim(run);
      return await work(job, {
        token,
        get signal() {
          return abort.signal;
        },
        lease,
        fencingToken: lease?.fencingToken,
      });
    } finally {
      const ending = endsAtStart && endsWithLease && this.#endClaim(run);
      await lease?.[Symbol.asyncDispose]();
      if (ending) run.isClaimEnded = await ending;
    }
  }

  /** Whether it came through. A claim that cannot be ended is taken over by the next `add`. */
  async #endClaim(run: Run): Promise<boolean> {
    const { key, owner, job, claim } = run;
    try {
      const wasThere = claim !== undefined && (await this.#guard.claims.release(claim));
      // Later attempts find it ended by the first; that of a job which runs alone may be taken over when it has begun.
      const hadOne = job.attemptsStarted <= 1 && !job.parent && !job.repeatJobKey;
      if (!wasThere && hadOne && !this.#rulesOf(run).runsAlone) {
        this.#guard.events.emit("unguarded", { key, job: owner, reason: "claim-ended" });
      }
    } catch {
      // What became of the work is not to be hidden by it.
      return false;
    }
    return true;
  }

  #lose(run: Run, error: Error): void {
    if (run.abort.aborted) return;
    this.#guard.events.emit("lost", { key: run.key, job: run.owner, error });
    run.abort.abort(error);
    // Its lease told that it has begun.
    if (this.#rulesOf(run).claimEnds === "start" && run.hasBegun) void this.#endClaim(run);
  }
}

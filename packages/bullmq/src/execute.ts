import type { Lease } from "@lock/core";
import { LazyAbort } from "@lock/core/adapter";
import { type Admission, Admissions, type Run } from "./admission.ts";
import { isFinal, type JobLike } from "./bullmq.ts";
import type { Claims } from "./claims.ts";
import type { Events } from "./events.ts";
import type { JobKeys } from "./keys.ts";
import { type GuardOptions, type JobOwner, RULES, type Rules } from "./options.ts";
import { isSameJob, ownerOf } from "./queues.ts";

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

const UNGUARDED: Admission = { run: true, lease: undefined };

/** The side of workers: keeps jobs of one key apart, and ends their claims. */
export class Execute {
  /** The runs of this process. One job may have two: a run that stalled, and the next. */
  readonly #runs = new Set<Run>();
  readonly #rules: Rules;
  readonly #admissions: Admissions;

  constructor(
    options: GuardOptions,
    private readonly keys: JobKeys,
    /** Undefined where `add` claims nothing. */
    private readonly claims: Claims | undefined,
    private readonly events: Events,
  ) {
    this.#rules = RULES[options.strategy];
    this.#admissions = new Admissions(options, keys, events, (run, error) => this.#lose(run, error));
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
      const admission = this.#rules.runsAlone ? await this.#admissions.admit(run) : UNGUARDED;
      const result = admission.run ? await this.#work(run, admission.lease, job, work) : undefined;
      isOver = true;
      return result;
    } catch (error) {
      isOver = isFinal(job, error);
      throw error;
    } finally {
      this.#runs.delete(run);
      const { claimEnds } = this.#rules;
      const hasEnded = (claimEnds === "start" && run.hasBegun) || (isOver && !run.isLockLost);
      if (claimEnds !== "never" && hasEnded && !run.isClaimEnded) await this.#endClaim(run);
    }
  }

  /** BullMQ could not renew its lock of a job: somebody else may be given it. */
  lockLost(job: JobOwner): void {
    const { queue, jobId } = job;
    for (const run of this.#runs) {
      if (!isSameJob(run.owner, job)) continue;
      run.isLockLost = true;
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
      isLockLost: false,
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
      const hadOne = job.attemptsStarted <= 1 && !job.parent && !job.repeatJobKey;
      if (!wasThere && hadOne && !this.#rules.runsAlone) {
        this.events.emit("unguarded", { key, job: owner, reason: "claim-ended" });
      }
      return true;
    } catch {
      // What became of the work is not to be hidden by it.
      return false;
    }
  }

  #lose(run: Run, error: Error): void {
    if (run.abort.aborted) return;
    this.events.emit("lost", { key: run.key, job: run.owner, error });
    run.abort.abort(error);
    // Its lease told that it has begun.
    if (this.#rules.claimEnds === "start" && run.hasBegun) void this.#endClaim(run);
  }
}

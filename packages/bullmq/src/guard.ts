import { type AddResult, Adds } from "./add.ts";
import { type AddedJob, type JobLike, type QueueLike, queueId, type WorkerLike } from "./bullmq.ts";
import { Claims } from "./claims.ts";
import { LockUsageError } from "./core.ts";
import { Events, type GuardEventName, type GuardEvents } from "./events.ts";
import { Execute, type GuardedProcessor } from "./execute.ts";
import { claimKey, JobKeys, type JobName, runKey } from "./keys.ts";
import { checkGuardOptions, type GuardOptions, type JobOwner, RULES } from "./options.ts";
import type { GuardParts } from "./parts.ts";

/** Who has the key of a job. */
export interface GuardedKey {
  /** The job that keeps others from being added. */
  readonly claim: (JobOwner & { readonly remaining: number }) | undefined;
  /** The jobs that are worked on. */
  readonly runs: readonly (JobOwner & { readonly remaining: number; readonly fencingToken: number })[];
}

type JobOf<Q extends QueueLike> = Awaited<ReturnType<Q["add"]>>;

/** Keeps jobs of one key apart, across queues and processes. */
export interface JobGuard {
  /**
   * As `queue.add`, unless a job of the same key is there already.
   * @throws DuplicateJobError (`onConflict.enqueue: "throw"`), LockUsageError, LockBackendError, what `queue.add` throws
   */
  add<Q extends QueueLike>(queue: Q, ...job: Parameters<Q["add"]>): Promise<AddResult<JobOf<Q>>>;
  /** As `queue.addBulk`: what became of each, in the same order. @throws as `add` */
  addBulk<Q extends QueueLike>(queue: Q, jobs: Parameters<Q["addBulk"]>[0]): Promise<AddResult<JobOf<Q>>[]>;
  /** Makes the processor of a worker, or the export of a sandboxed one. */
  processor<Job extends JobLike, Result>(
    work: GuardedProcessor<Job, Result>,
  ): (job: Job, token?: string, signal?: AbortSignal) => Promise<Result>;
  /** Aborts a run when BullMQ loses its lock of the job. Returns the worker. */
  attach<W extends WorkerLike>(worker: W): W;
  /**
   * Ends whatever claim the key has. Whether there was one. `queue`: its name, where the scope is a queue; with another
   * BullMQ prefix than its own, `<prefix>:<name>`.
   * @throws LockBackendError, LockUsageError
   */
  release(key: string, queue?: string): Promise<boolean>;
  /** Who has the key. `queue`: as for `release`. @throws LockBackendError, LockUsageError */
  inspect(key: string, queue?: string): Promise<GuardedKey>;
  /** Listens to an event; the returned function stops it. */
  on<Name extends GuardEventName>(event: Name, listener: (told: GuardEvents[Name]) => void): () => void;
}

/**
 * Makes a guard of jobs. The same options belong to all producers and workers of the jobs.
 * @example
 * const guard = guardJobs({ locks, strategy: "until-executed", key: ({ data }) => data.report });
 * await guard.add(queue, "build", { report: "sales" });
 * guard.attach(new Worker("reports", guard.processor(async (job) => build(job.data.report)), { connection }));
 * @throws LockUsageError for wrong options
 */
export function guardJobs<Data = unknown>(options: GuardOptions<Data>): JobGuard {
  // What the key is made of is what is in the jobs: their producers answer for its type.
  const checked = options as GuardOptions;
  checkGuardOptions(checked);
  return new Guard(checked);
}

class Guard implements JobGuard {
  readonly #parts: GuardParts;
  /** Undefined where `add` claims nothing. */
  readonly #adds: Adds | undefined;
  readonly #execute: Execute;

  constructor(options: GuardOptions) {
    const parts = {
      options,
      keys: new JobKeys(options),
      claims: new Claims(options),
      events: new Events(),
    };
    const { strategy, onLost } = options;
    if (onLost !== undefined) parts.events.on("lost", onLost);
    if (RULES[strategy].claims) this.#adds = new Adds(parts);
    this.#execute = new Execute(parts);
    this.#parts = parts;
  }

  async add<Q extends QueueLike>(queue: Q, ...job: Parameters<Q["add"]>): Promise<AddResult<JobOf<Q>>> {
    const [name, data, opts] = job;
    const [result] = (await this.#adds?.add(queue, [{ name, data, opts }])) ?? [];
    return (result ?? added(await queue.add(name, data, opts))) as AddResult<JobOf<Q>>;
  }

  async addBulk<Q extends QueueLike>(
    queue: Q,
    jobs: Parameters<Q["addBulk"]>[0],
  ): Promise<AddResult<JobOf<Q>>[]> {
    const results = (await this.#adds?.add(queue, jobs)) ?? (await queue.addBulk(jobs)).map(added);
    return results as AddResult<JobOf<Q>>[];
  }

  processor<Job extends JobLike, Result>(work: GuardedProcessor<Job, Result>) {
    // Three named parameters: BullMQ gives a signal only to a function that has them.
    return (job: Job, token?: string, signal?: AbortSignal) =>
      this.#execute.run(job, token, signal, work) as Promise<Result>;
  }

  attach<W extends WorkerLike>(worker: W): W {
    if (RULES[this.#parts.options.strategy].runsAlone && worker.opts.maxStartedAttempts !== undefined) {
      this.#parts.events.warn("LOCK_JOB_MAX_STARTED_ATTEMPTS");
    }
    worker.on("lockRenewalFailed", (jobIds) => {
      for (const jobId of jobIds) this.#execute.lockLost({ queue: queueId(worker), jobId });
    });
    return worker;
  }

  async release(key: string, queue?: string): Promise<boolean> {
    const { name } = this.#named("release", key, queue);
    return this.#parts.options.locks.forceRelease(claimKey(name));
  }

  async inspect(key: string, queue?: string): Promise<GuardedKey> {
    const { name } = this.#named("inspect", key, queue);
    const { claims, options } = this.#parts;
    const [claimed, running] = await Promise.all([
      RULES[options.strategy].claims ? claims.find(name) : undefined,
      claims.holdersOf(runKey(name)),
    ]);
    const claim = claimed?.owner && { ...claimed.owner, remaining: claimed.remaining };
    const runs = running.map(({ meta, remaining = 0, fencingToken = 0 }) => {
      const { queue = "", jobId = "" } = meta;
      return { queue, jobId, remaining, fencingToken };
    });
    return { claim, runs };
  }

  /** @throws LockUsageError */
  #named(method: string, key: string, queue = ""): JobName {
    const { scope = "queue" } = this.#parts.options;
    if (scope !== "queue" || queue) return this.#parts.keys.named(key, queue);
    throw new LockUsageError(
      `${method} needs the name of the queue, as each queue has keys of its own: ${method}(key, queue.name)`,
    );
  }

  on<Name extends GuardEventName>(event: Name, listener: (told: GuardEvents[Name]) => void): () => void {
    return this.#parts.events.on(event, listener);
  }
}

function added(job: AddedJob): AddResult<AddedJob> {
  return { added: true, job };
}

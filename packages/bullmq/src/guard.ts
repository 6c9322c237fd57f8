import { type LockState, LockUsageError } from "@lock/core";
import type { AddedJob, JobLike, QueueLike, WorkerLike } from "./bullmq.ts";
import { Claims } from "./claims.ts";
import { Duplicates } from "./duplicates.ts";
import { type AddResult, Enqueue } from "./enqueue.ts";
import { Events, type GuardEventName, type GuardEvents } from "./events.ts";
import { Execute, type GuardedProcessor } from "./execute.ts";
import { JobKeys } from "./keys.ts";
import { checkGuardOptions, type GuardOptions, type JobOwner, RULES } from "./options.ts";
import { Queues, queueId } from "./queues.ts";

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
 * @throws LockUsageError for wrong options
 */
export function guardJobs<Data = unknown>(options: GuardOptions<Data>): JobGuard {
  // What the key is made of is what is in the jobs: their producers answer for its type.
  const checked = options as GuardOptions;
  checkGuardOptions(checked);
  return new Guard(checked);
}

class Guard implements JobGuard {
  readonly #events = new Events();
  readonly #keys: JobKeys;
  /** Both undefined where `add` claims nothing. */
  readonly #claims: Claims | undefined;
  readonly #enqueue: Enqueue | undefined;
  readonly #execute: Execute;
  readonly #options: GuardOptions;

  constructor(options: GuardOptions) {
    this.#options = options;
    const { strategy, onLost } = options;
    if (onLost !== undefined) this.#events.on("lost", onLost);
    this.#keys = new JobKeys(options);
    if (RULES[strategy].claims) {
      const queues = new Queues();
      const claims = new Claims(options);
      const duplicates = new Duplicates(options, this.#keys, claims, this.#events, queues);
      this.#claims = claims;
      this.#enqueue = new Enqueue(options, this.#keys, claims, this.#events, queues, duplicates);
    }
    this.#execute = new Execute(options, this.#keys, this.#claims, this.#events);
  }

  async add<Q extends QueueLike>(queue: Q, ...job: Parameters<Q["add"]>): Promise<AddResult<JobOf<Q>>> {
    const [name, data, opts] = job;
    const result =
      (await this.#enqueue?.add(queue, { name, data, opts })) ?? added(await queue.add(name, data, opts));
    return result as AddResult<JobOf<Q>>;
  }

  async addBulk<Q extends QueueLike>(
    queue: Q,
    jobs: Parameters<Q["addBulk"]>[0],
  ): Promise<AddResult<JobOf<Q>>[]> {
    const results = (await this.#enqueue?.addBulk(queue, jobs)) ?? (await queue.addBulk(jobs)).map(added);
    return results as AddResult<JobOf<Q>>[];
  }

  processor<Job extends JobLike, Result>(work: GuardedProcessor<Job, Result>) {
    // Three named parameters: BullMQ gives a signal only to a function that has them.
    return (job: Job, token?: string, signal?: AbortSignal) =>
      this.#execute.run(job, token, signal, work) as Promise<Result>;
  }

  attach<W extends WorkerLike>(worker: W): W {
    if (RULES[this.#options.strategy].runsAlone && worker.opts.maxStartedAttempts !== undefined) {
      process.emitWarning(
        `the worker of "${worker.name}" has maxStartedAttempts: each time a job finds its key busy it is started once more, so that jobs fail which only waited; leave it out, or use \`wait\``,
        { code: "LOCK_JOB_MAX_STARTED_ATTEMPTS" },
      );
    }
    worker.on("lockRenewalFailed", (jobIds) => {
      for (const jobId of jobIds) this.#execute.lockLost({ queue: queueId(worker), jobId });
    });
    return worker;
  }

  async release(key: string, queue?: string): Promise<boolean> {
    return this.#options.locks.forceRelease(this.#keys.claim(key, this.#within("release", queue)));
  }

  async inspect(key: string, queue?: string): Promise<GuardedKey> {
    const within = this.#within("inspect", queue);
    const [claimed, running] = await Promise.all([
      this.#claims?.find(this.#keys.claim(key, within)),
      this.#options.locks.inspect(this.#keys.run(key, within)),
    ]);
    const claim = claimed?.owner && { ...claimed.owner, remaining: claimed.remaining };
    return { claim, runs: runsOf(running) };
  }

  /** @throws LockUsageError */
  #within(method: string, queue: string | undefined): string {
    const { scope = "queue" } = this.#options;
    if (scope !== "queue" || queue) return queue ?? "";
    throw new LockUsageError(
      `${method} needs the name of the queue, as each queue has keys of its own: ${method}(key, queue.name)`,
    );
  }

  on<Name extends GuardEventName>(event: Name, listener: (told: GuardEvents[Name]) => void): () => void {
    return this.#events.on(event, listener);
  }
}

function added(job: AddedJob): AddResult<AddedJob> {
  return { added: true, job };
}

function runsOf(state: LockState | null): GuardedKey["runs"] {
  return (state?.holders ?? []).map(({ meta, remaining = 0, fencingToken = 0 }) => {
    const { queue = "", jobId = "" } = meta;
    return { queue, jobId, remaining, fencingToken };
  });
}

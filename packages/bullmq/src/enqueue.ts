import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { LockUsageError } from "@lock/core";
import { type AddedJob, isOver, isWaiting, type JobOptions, type QueueLike } from "./bullmq.ts";
import { type Claim, type Claimed, type Claims, partialId } from "./claims.ts";
import { DuplicateJobError, isOutage } from "./errors.ts";
import type { Events } from "./events.ts";
import type { JobKeys } from "./keys.ts";
import { type GuardOptions, type JobOwner, RULES } from "./options.ts";

/** How often the job of a claim is looked for whose producer is about to add it, ms. */
const LOOK = 50;
/** Claims that come and go, and never with a job, are no reason to look for ever. */
const MOST_LOOKS = 200;

/** What became of an `add`. */
export type AddResult<Job> =
  | { readonly added: true; readonly job: Job }
  /** `existing`: the job that is there already. */
  | { readonly added: false; readonly existing: JobOwner };

/** A job that is to be added. */
export interface NewJob {
  readonly name: string;
  readonly data: unknown;
  readonly opts?: JobOptions | undefined;
}

type Result = AddResult<AddedJob>;

/** A job that is to be added, its key, and the claim that it needs. */
interface Request {
  readonly job: NewJob;
  readonly key: string;
  readonly claimKey: string;
}

/** A request whose key is ours. */
interface Ready {
  readonly request: Request;
  readonly jobId: string;
  /** Undefined: it goes without one. */
  readonly claim: Claim | undefined;
}

/** The side of `add`: claims keys, adds the jobs of those that were free, and decides about the others. */
export class Enqueue {
  readonly #queues = new Map<string, QueueLike>();

  constructor(
    private readonly options: GuardOptions,
    private readonly keys: JobKeys,
    private readonly claims: Claims,
    private readonly events: Events,
  ) {}

  /** Adds those whose keys are free together, and then each of the others when it is known what is in its way. */
  async addAll(queue: QueueLike, jobs: readonly NewJob[]): Promise<Result[]> {
    this.#queues.set(queue.name, queue);
    const requests = jobs.map((job) => this.#request(queue, job));
    const ready = await this.#claimAll(queue, requests);
    const added = await this.#addReady(queue, ready);
    const results = new Map(ready.map(({ request }, index) => [request, added[index]]));
    return Promise.all(requests.map((request) => results.get(request) ?? this.#addWhenFree(queue, request)));
  }

  /** All or none: where one fails, the others are given back. */
  async #claimAll(queue: QueueLike, requests: readonly Request[]): Promise<Ready[]> {
    const claims = await Promise.allSettled(requests.map((request) => this.#claim(queue, request)));
    const ready = claims.flatMap((one) => (one.status === "fulfilled" && one.value ? [one.value] : []));
    const failed = claims.find((one) => one.status === "rejected");
    if (failed === undefined) return ready;
    await Promise.allSettled(ready.map(({ claim }) => claim?.giveBack()));
    throw failed.reason;
  }

  /** @throws LockUsageError for what cannot be claimed */
  #request(queue: QueueLike, job: NewJob): Request {
    const { jobId, repeat } = job.opts ?? {};
    if (repeat !== undefined) {
      throw new LockUsageError(
        'a repeated job cannot be claimed by add: guard its execution, with the strategy "while-executing"',
      );
    }
    if (jobId !== undefined && (jobId === "" || jobId.includes(":") || /^\d+$/.test(jobId))) {
      throw new LockUsageError(
        `a jobId must not be a whole number or contain ":", got "${jobId}": write "report-42" instead of "42" or "report:42", or leave it to the guard`,
      );
    }
    const key = this.keys.of({ queue: queue.name, name: job.name, data: job.data });
    return { job, key, claimKey: this.keys.claim(key, queue.name) };
  }

  /** Undefined when somebody else has claimed the key. */
  async #claim(queue: QueueLike, request: Request): Promise<Ready | undefined> {
    const { job, key, claimKey } = request;
    const jobId = job.opts?.jobId ?? partialId(randomUUID());
    const unclaimed = { request, jobId, claim: undefined };
    // The child of a flow is never left out: its parent would wait for it.
    if (job.opts?.parent !== undefined) return unclaimed;
    try {
      const claim = await this.claims.take(claimKey, { queue: queue.name, jobId });
      return claim && { request, jobId: claim.fullId(jobId), claim };
    } catch (error) {
      if (this.options.onBackendError !== "run-unlocked" || !isOutage(error)) throw error;
      this.events.emit("unguarded", { key, job: { queue: queue.name, jobId }, reason: "backend" });
      return unclaimed;
    }
  }

  async #addReady(queue: QueueLike, ready: readonly Ready[]): Promise<(Result | undefined)[]> {
    if (ready.length === 0) return [];
    try {
      const standing = await Promise.all(ready.map((one) => this.#mayBeAdded(queue, one)));
      const going = ready.filter((_, index) => standing[index] === "free");
      const jobs = await this.#store(queue, going);
      const results = await Promise.all(going.map((one, index) => this.#settle(queue, one, jobs[index])));
      return ready.map((one, index) => {
        const state = standing[index];
        return typeof state === "object" ? state : results[going.indexOf(one)];
      });
    } finally {
      // Where something failed, jobs may have been added: whoever wants a key next finds out.
      for (const { claim } of ready) claim?.leave();
    }
  }

  /** "taken": by somebody else, meanwhile. */
  async #mayBeAdded(queue: QueueLike, { request, jobId, claim }: Ready): Promise<Result | "free" | "taken"> {
    // BullMQ ignores a job whose id it knows, and does not say so.
    if (request.job.opts?.jobId !== undefined && (await queue.getJob(jobId))) {
      await claim?.giveBack();
      return this.#refuse(queue, request, { queue: queue.name, jobId });
    }
    return claim === undefined || (await claim.isOurs()) ? "free" : "taken";
  }

  async #store(queue: QueueLike, going: readonly Ready[]): Promise<AddedJob[]> {
    const jobs = going.map(({ request: { job }, jobId }) => ({
      name: job.name,
      data: job.data,
      opts: { ...job.opts, jobId },
    }));
    const [only] = jobs;
    if (jobs.length > 1) return queue.addBulk(jobs);
    return only === undefined ? [] : [await queue.add(only.name, only.data, only.opts)];
  }

  /** Undefined: another job has taken the key meanwhile, and this one was taken back. */
  async #settle(
    queue: QueueLike,
    { request, jobId, claim }: Ready,
    job?: AddedJob,
  ): Promise<Result | undefined> {
    if (job === undefined) throw new Error(`the queue "${queue.name}" did not say what it added`);
    if (job.id !== undefined && job.id !== jobId) {
      // BullMQ's own deduplication.
      await claim?.giveBack();
      return this.#refuse(queue, request, { queue: queue.name, jobId: job.id });
    }
    if (claim === undefined || (await claim.settle())) return { added: true, job };
    // A job that has begun may have ended its claim itself; one that has not was taken for one that never came.
    const stored = await queue.getJob(jobId);
    const waits = stored && stored.attemptsStarted === 0 && isWaiting(await stored.getState());
    if (waits && (await isRemoved(stored))) return undefined;
    return { added: true, job };
  }

  async #addWhenFree(queue: QueueLike, request: Request): Promise<Result> {
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      const result = await this.#conflict(queue, request);
      if (result !== undefined) return result;
      const ready = await this.#claim(queue, request);
      const [added] = ready === undefined ? [] : await this.#addReady(queue, [ready]);
      if (added !== undefined) return added;
    }
    throw new Error(`the key "${request.key}" was claimed again and again, and no job came of it`);
  }

  /** What is in the way of a job decides; undefined when the way may be free now. */
  async #conflict(queue: QueueLike, request: Request): Promise<Result | undefined> {
    const claimed = await this.claims.find(request.claimKey);
    if (claimed === undefined) return undefined;
    const { owner } = claimed;
    if (owner === undefined) {
      throw new LockUsageError(
        `the key "${request.claimKey}" is locked by something that is no guard of jobs: give the guard locks with a prefix of their own`,
      );
    }
    const ownerQueue = this.#queues.get(owner.queue);
    // A queue that this guard has not seen cannot be asked: its claim stands.
    if (ownerQueue === undefined) return this.#refuse(queue, request, owner);
    const existing = await ownerQueue.getJob(owner.jobId);
    const state = existing ? await existing.getState() : "unknown";
    const { claimEnds } = RULES[this.options.strategy];
    if (state === "unknown" && claimed.isPending) return void (await pause(LOOK));
    if (claimEnds === "never") return this.#refuse(queue, request, owner);
    const stands = claimEnds === "start" ? isWaiting(state) : !isOver(state);
    if (!stands || !existing) return this.#takeOver(queue, request, claimed);
    return this.#decide(queue, request, claimed, existing, owner);
  }

  async #decide(
    queue: QueueLike,
    request: Request,
    claimed: Claimed,
    existing: AddedJob,
    owner: JobOwner,
  ): Promise<Result | undefined> {
    const { enqueue = "skip" } = this.options.onConflict ?? {};
    if (enqueue === "throw") throw new DuplicateJobError(request.key, owner);
    if (enqueue === "replace" && isWaiting(await existing.getState())) {
      if (await isRemoved(existing)) return this.#takeOver(queue, request, claimed);
    }
    if (enqueue === "keep-latest") {
      await existing.updateData(request.job.data);
      // It may have been read before: then the latest is added as well.
      if (!isWaiting(await existing.getState())) return this.#takeOver(queue, request, claimed);
    }
    return this.#refuse(queue, request, owner);
  }

  async #takeOver(queue: QueueLike, { key, claimKey, job }: Request, claimed: Claimed): Promise<undefined> {
    if (!(await this.claims.end(claimKey, claimed.token))) return;
    const told = { queue: queue.name, jobId: job.opts?.jobId };
    this.events.emit("takenOver", { key, job: told, from: claimed.owner });
  }

  #refuse(queue: QueueLike, { key, job }: Request, existing: JobOwner): Result {
    this.events.emit("duplicate", { key, job: { queue: queue.name, jobId: job.opts?.jobId }, existing });
    return { added: false, existing };
  }
}

/** Removes a job, unless it is being worked on by now. */
function isRemoved(job: AddedJob): Promise<boolean> {
  return job.remove().then(
    () => true,
    () => false,
  );
}

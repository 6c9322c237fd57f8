import { setTimeout as pause } from "node:timers/promises";
import { LockUsageError } from "@lock/core";
import { type AddedJob, isOver, isWaiting, type JobOptions, type QueueLike } from "./bullmq.ts";
import { type Claim, type Claimed, type Claims, tokenIn } from "./claims.ts";
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

/** What came of a claim. "taken": by somebody else, meanwhile. An object: the job is not to be added. */
type Standing = "free" | "taken" | Result;

/** The side of `add`: claims keys, adds the jobs of those that were free, and decides about the others. */
export class Enqueue {
  readonly #queues = new Map<string, QueueLike>();

  constructor(
    private readonly options: GuardOptions,
    private readonly keys: JobKeys,
    private readonly claims: Claims,
    private readonly events: Events,
  ) {}

  async add(queue: QueueLike, job: NewJob): Promise<Result> {
    this.#queues.set(queue.name, queue);
    const request = this.#request(queue, job);
    return (await this.#attempt(queue, request)) ?? this.#addWhenFree(queue, request);
  }

  /** Adds those whose keys are free together, and then each of the others when it is known what is in its way. */
  async addBulk(queue: QueueLike, jobs: readonly NewJob[]): Promise<Result[]> {
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
    await Promise.allSettled(ready.map(({ claim }) => claim && this.claims.giveBack(claim)));
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
    if (jobId !== undefined && (/^$|^\d+$|:/.test(jobId) || tokenIn(jobId) !== undefined)) {
      throw new LockUsageError(
        `a jobId must not be a whole number, contain ":" or begin with "guard-", got "${jobId}": write "report-42", or leave it to the guard`,
      );
    }
    const key = this.keys.of({ queue: queue.name, name: job.name, data: job.data });
    return { job, key, claimKey: this.keys.claim(key, queue.name) };
  }

  /** Undefined when somebody else has claimed the key. */
  async #claim(queue: QueueLike, request: Request): Promise<Ready | undefined> {
    const { opts } = request.job;
    const jobId = opts?.jobId ?? this.claims.newJobId();
    const unclaimed = { request, jobId, claim: undefined };
    // The child of a flow is never left out: its parent would wait for it.
    if (opts?.parent !== undefined) return unclaimed;
    const job = { queue: queue.name, jobId };
    try {
      const claim = await this.claims.take(request.claimKey, job);
      return claim && { request, jobId, claim };
    } catch (error) {
      if (this.options.onBackendError !== "run-unlocked" || !isOutage(error)) throw error;
      this.events.emit("unguarded", { key: request.key, job, reason: "backend" });
      return unclaimed;
    }
  }

  async #addReady(queue: QueueLike, ready: readonly Ready[]): Promise<(Result | undefined)[]> {
    // Where something fails from here on, jobs may have been added: whoever wants a key next finds out.
    const standing = await Promise.all(ready.map((one) => this.#standing(queue, one)));
    const going = ready.filter((_, index) => standing[index] === "free");
    const jobs = going.length === 0 ? [] : await queue.addBulk(going.map(jobOf));
    const results = await Promise.all(going.map((one, index) => this.#settle(queue, one, jobs[index])));
    return ready.map((one, index) => {
      const state = standing[index];
      return typeof state === "object" ? state : results[going.indexOf(one)];
    });
  }

  /** Whether a job can be added; a promise where somebody must be asked. */
  #standing(queue: QueueLike, ready: Ready): Standing | Promise<Standing> {
    const { request, claim } = ready;
    if (request.job.opts?.jobId !== undefined) return this.#standingOfChosen(queue, ready);
    const isOurs = claim === undefined || this.claims.isOurs(claim);
    return isOurs === true ? "free" : this.#standingOf(isOurs);
  }

  async #standingOf(isOurs: boolean | Promise<boolean>): Promise<Standing> {
    return (await isOurs) ? "free" : "taken";
  }

  /** BullMQ ignores a job whose id it knows, and does not say so. */
  async #standingOfChosen(queue: QueueLike, { request, jobId, claim }: Ready): Promise<Standing> {
    if (!(await queue.getJob(jobId)))
      return this.#standingOf(claim === undefined || this.claims.isOurs(claim));
    if (claim) await this.claims.giveBack(claim);
    return this.#refuse(queue, request, { queue: queue.name, jobId });
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
      if (claim) await this.claims.giveBack(claim);
      return this.#refuse(queue, request, { queue: queue.name, jobId: job.id });
    }
    if (claim === undefined || (await this.claims.settle(claim))) return { added: true, job };
    // A job that has begun may have ended its claim itself; one that has not was taken for one that never came.
    const stored = await queue.getJob(jobId);
    const waits = stored && stored.attemptsStarted === 0 && isWaiting(await stored.getState());
    if (waits && (await isRemoved(stored))) return undefined;
    return { added: true, job };
  }

  /** Undefined when somebody else has the key. */
  async #attempt(queue: QueueLike, request: Request): Promise<Result | undefined> {
    const ready = await this.#claim(queue, request);
    if (ready === undefined) return undefined;
    const standing = await this.#standing(queue, ready);
    if (standing === "taken") return undefined;
    if (standing !== "free") return standing;
    const { name, data, opts } = jobOf(ready);
    return this.#settle(queue, ready, await queue.add(name, data, opts));
  }

  async #addWhenFree(queue: QueueLike, request: Request): Promise<Result> {
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      const result = await this.#conflict(queue, request);
      if (result !== undefined) return result;
      const added = await this.#attempt(queue, request);
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
    if (await this.#isRunning(request, queue, owner)) {
      await this.claims.end(request.claimKey, claimed);
      return undefined;
    }
    const ownerQueue = this.#queues.get(owner.queue);
    // A queue that this guard has not seen cannot be asked: its claim stands.
    if (ownerQueue === undefined) return this.#refuse(queue, request, owner);
    const existing = await ownerQueue.getJob(owner.jobId);
    const state = existing ? await existing.getState() : "unknown";
    const { claimEnds, runsAlone } = RULES[this.options.strategy];
    if (state === "unknown" && claimed.isPending) return void (await pause(LOOK));
    if (claimEnds === "never") return this.#refuse(queue, request, owner);
    // One that is active without a lease may find its key busy, and wait again.
    const stands = claimEnds === "start" && !runsAlone ? isWaiting(state) : !isOver(state);
    if (!stands || !existing) return this.#takeOver(queue, request, claimed);
    return this.#decide(queue, request, claimed, existing, owner);
  }

  /** Whether the work of a job that runs alone has begun, which ends its claim; no queue needs to be known for that. */
  async #isRunning({ key }: Request, queue: QueueLike, owner: JobOwner): Promise<boolean> {
    const { locks, strategy } = this.options;
    const { claimEnds, runsAlone } = RULES[strategy];
    if (claimEnds !== "start" || !runsAlone) return false;
    const runs = (await locks.inspect(this.keys.run(key, queue.name)))?.holders ?? [];
    return runs.some(({ meta }) => meta.queue === owner.queue && meta.jobId === owner.jobId);
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
    if (!(await this.claims.end(claimKey, claimed))) return;
    const told = { queue: queue.name, jobId: job.opts?.jobId };
    this.events.emit("takenOver", { key, job: told, from: claimed.owner });
  }

  #refuse(queue: QueueLike, { key, job }: Request, existing: JobOwner): Result {
    this.events.emit("duplicate", { key, job: { queue: queue.name, jobId: job.opts?.jobId }, existing });
    return { added: false, existing };
  }
}

function jobOf({ request: { job }, jobId }: Ready) {
  return { name: job.name, data: job.data, opts: { ...job.opts, jobId } };
}

/** Removes a job, unless it is being worked on by now. */
function isRemoved(job: AddedJob): Promise<boolean> {
  return job.remove().then(
    () => true,
    () => false,
  );
}

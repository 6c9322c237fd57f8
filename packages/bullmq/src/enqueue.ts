import { isLockError, LockUsageError } from "@lock/core";
import { show } from "@lock/core/adapter";
import { type AddedJob, isOver, isWaiting, type JobOptions, type QueueLike } from "./bullmq.ts";
import { type Claim, type Claims, tokenIn } from "./claims.ts";
import { type Duplicates, isRemoved, Sight } from "./duplicates.ts";
import { DuplicateJobError, isOutage } from "./errors.ts";
import type { Events } from "./events.ts";
import type { JobKeys } from "./keys.ts";
import { type GuardOptions, type JobOwner, RULES } from "./options.ts";
import { type Queues, queueId } from "./queues.ts";

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
  readonly queue: QueueLike;
  readonly job: NewJob;
  readonly key: string;
  readonly claimKey: string;
}

/** A request whose key is ours. */
interface Ready {
  readonly request: Request;
  readonly owner: JobOwner;
  /** Undefined: it goes without one. */
  readonly claim: Claim | undefined;
}

/** What came of a claim. "taken": by somebody else, meanwhile. An object: the job is not to be added. */
type Standing = "free" | "taken" | Result;

/** The side of `add`: claims keys, and adds the jobs of those that are free. */
export class Enqueue {
  constructor(
    private readonly options: GuardOptions,
    private readonly keys: JobKeys,
    private readonly claims: Claims,
    private readonly events: Events,
    private readonly queues: Queues,
    private readonly duplicates: Duplicates,
  ) {}

  async add(queue: QueueLike, job: NewJob): Promise<Result> {
    this.queues.note(queue);
    const request = this.#request(queue, job);
    return (await this.#attempt(request)) ?? this.#addWhenFree(request);
  }

  /** Adds those whose keys are free together, and then each of the others when it is known what is in its way. */
  async addBulk(queue: QueueLike, jobs: readonly NewJob[]): Promise<Result[]> {
    this.queues.note(queue);
    const requests = jobs.map((job) => this.#request(queue, job));
    const ready = await this.#claimAll(requests);
    const added = await this.#addReady(queue, ready);
    const results = new Map(ready.map(({ request }, index) => [request, added[index]]));
    // Those of one key one after the other: where the latest is to win, that is the last one.
    const turns = new Map<string, Promise<unknown>>();
    return Promise.all(
      requests.map((request) => {
        const result = results.get(request);
        if (result !== undefined) return result;
        const before = turns.get(request.claimKey);
        const turn = before ? before.then(() => this.#addWhenFree(request)) : this.#addWhenFree(request);
        turns.set(request.claimKey, turn);
        return turn;
      }),
    );
  }

  /** All or none: where one fails, the others are given back. */
  async #claimAll(requests: readonly Request[]): Promise<Ready[]> {
    const claims = await Promise.allSettled(requests.map((request) => this.#claim(request)));
    const ready = claims.flatMap((one) => (one.status === "fulfilled" && one.value ? [one.value] : []));
    const failed = claims.find((one) => one.status === "rejected");
    if (failed === undefined) return ready;
    return this.#giveAllBack(ready, failed.reason);
  }

  /** @throws the error that it was given */
  async #giveAllBack(ready: readonly Ready[], error: unknown): Promise<never> {
    await Promise.allSettled(ready.map(({ claim }) => claim && this.claims.giveBack(claim)));
    throw error;
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
        `a jobId must not be a whole number, contain ":" or begin with "guard-", got ${show(jobId)}: write "report-42", or leave it to the guard`,
      );
    }
    const key = this.keys.of({ queue: queue.name, name: job.name, data: job.data });
    return { queue, job, key, claimKey: this.keys.claim(key, queueId(queue)) };
  }

  /** Undefined when somebody else has claimed the key. */
  async #claim(request: Request): Promise<Ready | undefined> {
    const { queue, job, claimKey } = request;
    const owner = { queue: queueId(queue), jobId: job.opts?.jobId ?? this.claims.newJobId() };
    // The child of a flow is never left out: its parent would wait for it.
    if (job.opts?.parent !== undefined) return { request, owner, claim: undefined };
    try {
      const claim = await this.claims.take(claimKey, owner);
      return claim && { request, owner, claim };
    } catch (error) {
      this.#assertUnlocked(error, request, owner);
      return { request, owner, claim: undefined };
    }
  }

  /** Tells of a job that is added although the locks cannot be reached. @throws what is no such case */
  #assertUnlocked(error: unknown, { key }: Request, job: JobOwner): void {
    if (this.options.onBackendError !== "run-unlocked" || !isOutage(error)) throw error;
    this.events.emit("unguarded", { key, job, reason: "backend" });
  }

  async #addReady(queue: QueueLike, ready: readonly Ready[]): Promise<(Result | undefined)[]> {
    const looking = Promise.all(ready.map((one) => this.#standing(one)));
    const standing = await looking.catch((error) => this.#giveAllBack(ready, error));
    // Where something fails from here on, jobs may have been added: whoever wants a key next finds out.
    const going = ready.filter((_, index) => standing[index] === "free");
    const jobs = going.length === 0 ? [] : await queue.addBulk(going.map(jobOf));
    const results = await Promise.all(going.map((one, index) => this.#settle(one, jobs[index])));
    return ready.map((one, index) => {
      const state = standing[index];
      return typeof state === "object" ? state : results[going.indexOf(one)];
    });
  }

  /** Whether a job can be added; a promise where somebody must be asked. */
  #standing(ready: Ready): Standing | Promise<Standing> {
    const { claim } = ready;
    if (isChosen(ready)) return this.#standingOfChosen(ready);
    const isOurs = claim === undefined || this.claims.isOurs(claim);
    return isOurs === true ? "free" : this.#standingOf(ready, isOurs);
  }

  async #standingOf({ request, owner }: Ready, isOurs: boolean | Promise<boolean>): Promise<Standing> {
    try {
      return (await isOurs) ? "free" : "taken";
    } catch (error) {
      this.#assertUnlocked(error, request, owner);
      return "free";
    }
  }

  /** BullMQ ignores a job whose id it knows, and does not say so. */
  async #standingOfChosen(ready: Ready): Promise<Standing> {
    const { request, owner, claim } = ready;
    if (await request.queue.getJob(owner.jobId)) return this.#refuse(ready, owner);
    return this.#standingOf(ready, claim === undefined || this.claims.isOurs(claim));
  }

  /** Undefined: another job has taken the key meanwhile, and this one was taken back. */
  async #settle(ready: Ready, job?: AddedJob): Promise<Result | undefined> {
    const { request, owner } = ready;
    const { queue, key } = request;
    if (job === undefined) throw new Error(`the queue "${queue.name}" did not say what it added`);
    // BullMQ's own deduplication.
    if (job.id !== undefined && job.id !== owner.jobId) {
      return this.#refuse(ready, { queue: owner.queue, jobId: job.id });
    }
    if (isChosen(ready) && (await this.#isOfOtherKey(ready))) return this.#refuse(ready, owner);
    try {
      return (await this.#isKept(ready)) ? { added: true, job } : undefined;
    } catch (error) {
      // It is in its queue: whoever is told otherwise adds it again.
      if (!isLockError(error)) throw error;
      this.events.emit("unguarded", { key, job: owner, reason: "backend" });
      return { added: true, job };
    }
  }

  /** False: another job has taken the key meanwhile, and this one was taken back. */
  async #isKept({ request, owner, claim }: Ready): Promise<boolean> {
    const kept = claim === undefined ? "kept" : await this.claims.keep(claim);
    if (claim === undefined || kept === "kept") return true;
    const stored = await request.queue.getJob(owner.jobId);
    const hasBegun = !stored || stored.attemptsStarted > 0;
    const state = stored ? await stored.getState() : "unknown";
    const { claimEnds } = RULES[this.options.strategy];
    const stands = claimEnds === "never" || (claimEnds === "start" ? !hasBegun : !isOver(state));
    if (kept === "retaken") {
      // Its worker had ended it.
      if (!stands) await this.claims.giveBack(claim);
      return true;
    }
    // One that waits was taken for one that never came.
    if (stored && !hasBegun && isWaiting(state) && (await isRemoved(stored))) return false;
    if (stands) this.events.emit("unguarded", { key: request.key, job: owner, reason: "claim-ended" });
    return true;
  }

  /** Whether a job of another key was given the same id at the same time. */
  async #isOfOtherKey({ request, owner }: Ready): Promise<boolean> {
    const stored = await request.queue.getJob(owner.jobId);
    if (!stored) return false;
    try {
      return this.keys.ofStored(stored) !== request.key;
    } catch {
      return true;
    }
  }

  /** Undefined when somebody else has the key. */
  async #attempt(request: Request): Promise<Result | undefined> {
    const ready = await this.#claim(request);
    return ready && this.#addOne(ready);
  }

  async #addOne(ready: Ready): Promise<Result | undefined> {
    const standing = await this.#standing(ready);
    if (standing === "taken") return undefined;
    if (standing !== "free") return standing;
    const { name, data, opts } = jobOf(ready);
    return this.#settle(ready, await ready.request.queue.add(name, data, opts));
  }

  async #addWhenFree(request: Request): Promise<Result> {
    const { queue, job, key } = request;
    const { jobId } = job.opts ?? {};
    const sight = new Sight();
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      let existing: JobOwner | undefined;
      try {
        existing = await this.duplicates.decide({ ...request, data: job.data, jobId, sight });
      } catch (error) {
        const owner = { queue: queueId(queue), jobId: jobId ?? this.claims.newJobId() };
        this.#assertUnlocked(error, request, owner);
        const added = await this.#addOne({ request, owner, claim: undefined });
        if (added !== undefined) return added;
      }
      if (existing !== undefined) return this.#refuse({ request, claim: undefined }, existing);
      const added = await this.#attempt(request);
      if (added !== undefined) return added;
    }
    throw new Error(`the key "${key}" was claimed again and again, and no job came of it`);
  }

  /** @throws DuplicateJobError where duplicates are to throw */
  async #refuse({ request, claim }: Pick<Ready, "request" | "claim">, existing: JobOwner): Promise<Result> {
    const { queue, job, key } = request;
    if (claim !== undefined) await this.claims.giveBack(claim);
    const told = { queue: queueId(queue), jobId: job.opts?.jobId };
    this.events.emit("duplicate", { key, job: told, existing });
    if (this.options.onConflict?.enqueue === "throw") throw new DuplicateJobError(key, existing);
    return { added: false, existing };
  }
}

/** Whether its producer chose the id of a job that may be left out. */
function isChosen({ request: { job } }: Ready): boolean {
  return job.opts?.jobId !== undefined && job.opts.parent === undefined;
}

function jobOf({ request: { job }, owner: { jobId } }: Ready) {
  return { name: job.name, data: job.data, opts: { ...job.opts, jobId } };
}

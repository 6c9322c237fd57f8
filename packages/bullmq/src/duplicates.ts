import { setTimeout as pause } from "node:timers/promises";
import { LockUsageError } from "@lock/core";
import { type AddedJob, isOver, isWaiting, type QueueLike } from "./bullmq.ts";
import { type Claimed, type Claims, PENDING } from "./claims.ts";
import type { Events } from "./events.ts";
import type { JobKeys } from "./keys.ts";
import { type GuardOptions, type JobOwner, RULES } from "./options.ts";
import { isSameJob, ownerIn, type Queues, queueId } from "./queues.ts";

/** How often the job of a claim is looked for whose producer is about to add it, ms. */
const LOOK = 50;

/** For how long one `add` has seen the claim that is in its way: no clock of a server tells, which may be set. */
export class Sight {
  #token: string | undefined;
  #since = 0;

  /** Whether the job of the claim may still be about to be added. */
  isNew({ token }: Claimed): boolean {
    const now = performance.now();
    if (this.#token !== token) this.#since = now;
    this.#token = token;
    return now - this.#since <= PENDING;
  }
}

/** A job whose key somebody else has claimed. */
export interface Duplicate {
  readonly queue: QueueLike;
  readonly key: string;
  readonly claimKey: string;
  readonly data: unknown;
  /** Undefined unless its producer chose it. */
  readonly jobId: string | undefined;
  readonly sight: Sight;
}

/** Looks at the claim that is in the way of a job, and decides which of the two jobs there is to be. */
export class Duplicates {
  constructor(
    private readonly options: GuardOptions,
    private readonly keys: JobKeys,
    private readonly claims: Claims,
    private readonly events: Events,
    private readonly queues: Queues,
  ) {}

  /** The job that stays, so that the other one is not added; undefined when the way may be free now. */
  async decide(duplicate: Duplicate): Promise<JobOwner | undefined> {
    const { claimKey, queue, sight } = duplicate;
    const claimed = await this.claims.find(claimKey);
    if (claimed === undefined) return undefined;
    const { owner } = claimed;
    if (owner === undefined) {
      throw new LockUsageError(
        `the key "${claimKey}" is locked by something that is no guard of jobs: give the guard locks with a prefix of their own`,
      );
    }
    if (await this.#isRunning(duplicate, owner)) {
      await this.claims.end(claimKey, claimed);
      return undefined;
    }
    const found = await this.queues.stateOf(owner, queue);
    const { claimEnds } = RULES[this.options.strategy];
    const isMissing = found === undefined || found.state === "unknown";
    if (isMissing && claimed.isPending && sight.isNew(claimed)) return void (await pause(LOOK));
    // One of a queue that cannot be asked stands until it ends.
    if (found === undefined || claimEnds === "never") return owner;
    const { job, state } = found;
    if (!job || !this.#stands(state)) return this.#takeOver(duplicate, claimed);
    return this.#choose(duplicate, claimed, job, state, owner);
  }

  #stands(state: string): boolean {
    const { claimEnds, runsAlone } = RULES[this.options.strategy];
    // One that is active without a lease may find its key busy, and wait again.
    return claimEnds === "start" && !runsAlone ? isWaiting(state) : !isOver(state);
  }

  /** Whether the work of a job that runs alone has begun, which ends its claim; no queue needs to be known for that. */
  async #isRunning({ queue, key }: Duplicate, owner: JobOwner): Promise<boolean> {
    const { locks, strategy } = this.options;
    const { claimEnds, runsAlone } = RULES[strategy];
    if (claimEnds !== "start" || !runsAlone) return false;
    const runs = (await locks.inspect(this.keys.run(key, queueId(queue))))?.holders ?? [];
    return runs.some(({ meta }) => isSameJob(ownerIn(meta), owner));
  }

  async #choose(
    duplicate: Duplicate,
    claimed: Claimed,
    job: AddedJob,
    state: string,
    owner: JobOwner,
  ): Promise<JobOwner | undefined> {
    const { enqueue } = this.options.onConflict ?? {};
    if (enqueue === "replace" && isWaiting(state) && state !== "waiting-children") {
      return (await isRemoved(job)) ? this.#takeOver(duplicate, claimed) : void (await pause(LOOK));
    }
    if (enqueue === "keep-latest") return this.#update(duplicate, claimed, job, owner);
    // It may have begun, and be over, since we looked whether it runs.
    const isOld = state === "active" && (await this.claims.find(duplicate.claimKey))?.token !== claimed.token;
    return isOld ? undefined : owner;
  }

  async #update(
    duplicate: Duplicate,
    claimed: Claimed,
    job: AddedJob,
    owner: JobOwner,
  ): Promise<JobOwner | undefined> {
    try {
      await job.updateData(duplicate.data);
    } catch (error) {
      if (isOver(await job.getState())) return undefined;
      throw error;
    }
    // It may have been read before: then the latest is added as well.
    return isWaiting(await job.getState()) ? owner : this.#takeOver(duplicate, claimed);
  }

  async #takeOver({ queue, key, claimKey, jobId }: Duplicate, claimed: Claimed): Promise<undefined> {
    if (!(await this.claims.end(claimKey, claimed))) return;
    const job = { queue: queueId(queue), jobId };
    this.events.emit("takenOver", { key, job, from: claimed.owner });
  }
}

/** Removes a job, unless it is being worked on by now. */
export function isRemoved(job: AddedJob): Promise<boolean> {
  return job.remove().then(
    () => true,
    () => false,
  );
}

import { setTimeout as pause } from "node:timers/promises";
import {
  type AddedJob,
  besides,
  isOver,
  isRemoved,
  isSameJob,
  isWaiting,
  type JobOptions,
  type QueueLike,
  queueId,
  storeOf,
} from "./bullmq.ts";
import { type Claimed, claimOf, ownerIn, PENDING, stands } from "./claims.ts";
import { LockUsageError } from "./core.ts";
import { type JobName, runKey } from "./keys.ts";
import { type EventJob, type JobOwner, RULES } from "./options.ts";
import type { GuardParts } from "./parts.ts";

/** How often the job of a claim is looked for whose producer is about to add it, ms. */
const LOOK = 50;

/** For how long one `add` has seen the claim that is in its way: no clock of a server tells, which may be set. */
export class Sight {
  #token: string | undefined;
  #since = 0;

  /**
   * Whether the job of the claim may still be about to be added. `askedAt`: when the question left that found it. A process
   * that stands still after the answer sees the claim for no longer.
   */
  isNew({ token }: Claimed, askedAt: number): boolean {
    if (this.#token !== token) this.#since = performance.now();
    this.#token = token;
    return askedAt - this.#since <= PENDING;
  }
}

/** A job that is to be added. */
export interface NewJob {
  readonly name: string;
  readonly data: unknown;
  readonly opts?: JobOptions | undefined;
}

/** A job that is to be added, and its key. */
export interface Request extends JobName {
  readonly queue: QueueLike;
  readonly job: NewJob;
  /** As events tell of it. */
  readonly asked: EventJob;
}

/** What is known of the job of a claim. */
interface Found {
  readonly state: string;
  /** Undefined where it is gone, or in a queue that can only be asked. */
  readonly job?: AddedJob;
}

const GONE: Found = { state: "unknown" };

/** Looks at the claim that is in the way of a job, and decides which of the two jobs there is to be. */
export class Duplicates {
  /** The queues that this guard has added jobs to. */
  readonly #known = new Map<string, QueueLike>();

  readonly #guard: GuardParts;

  constructor(guard: GuardParts) {
    this.#guard = guard;
  }

  note(queue: QueueLike): void {
    this.#known.set(queueId(queue), queue);
  }

  /** The job that stays, so that the other one is not added; undefined when the way may be free now. */
  async decide(request: Request, sight: Sight): Promise<JobOwner | undefined> {
    const { name } = request;
    const askedAt = performance.now();
    const claimed = await this.#guard.claims.find(name);
    if (claimed === undefined) return undefined;
    const { owner } = claimed;
    if (owner === undefined) {
      throw new LockUsageError(
        `the key "${name}" is locked by something that is no guard of jobs: give the guard locks with a prefix of their own`,
      );
    }
    if (await this.#isRunning(name, claimed, owner)) {
      await this.#guard.claims.end(name, claimed);
      return undefined;
    }
    // A window lasts whatever becomes of its job.
    if (RULES[claimed.strategy].claimEnds === "never" && !claimed.isPending) return owner;
    const found = await this.#find(request.queue, claimed, owner);
    const isMissing = found === undefined || found.state === "unknown";
    if (isMissing && claimed.isPending && sight.isNew(claimed, askedAt)) return void (await pause(LOOK));
    // One of a queue that cannot be asked stands until it ends.
    if (found === undefined) return owner;
    const { job, state } = found;
    if (!stands(claimed.strategy, state)) return this.#takeOver(request, claimed, isOver(state));
    // A guard of another strategy would not know how to replace or update it.
    const isOurs = claimed.strategy === this.#guard.options.strategy;
    return job === undefined || !isOurs ? owner : this.#choose(request, claimed, job, state, owner);
  }

  /** Whether the work of a job that runs alone has begun, which ends its claim; no queue needs to be known for that. */
  async #isRunning(name: string, { strategy }: Claimed, owner: JobOwner): Promise<boolean> {
    if (!RULES[strategy].runsAlone) return false;
    const runs = await this.#guard.claims.holdersOf(runKey(name));
    return runs.some(({ meta }) => isSameJob(ownerIn(meta), owner));
  }

  /**
   * Undefined: nothing is known. The state of a job is believed wherever the job itself is found. That it is missing is
   * believed of the store where it was added; and, where that cannot be told, of a queue that this guard has added to.
   */
  async #find(own: QueueLike, claimed: Claimed, owner: JobOwner): Promise<Found | undefined> {
    const look = async (queue: QueueLike, isKnown: boolean): Promise<Found | undefined> => {
      const job = await queue.getJob(owner.jobId);
      const isIts = job && claimOf(job)?.token?.startsWith(claimed.token);
      if (isIts) return { state: await job.getState(), ...(isKnown && { job }) };
      const store = claimed.store && (await storeOf(queue));
      const isRight = store ? store === claimed.store : isKnown;
      return isRight ? GONE : undefined;
    };
    if (queueId(own) === owner.queue) return look(own, true);
    const known = this.#known.get(owner.queue);
    // One that was closed tells nothing.
    const found = known && (await look(known, true).catch(() => undefined));
    return found ?? besides(own, owner.queue, (queue) => look(queue, false));
  }

  async #choose(
    request: Request,
    claimed: Claimed,
    job: AddedJob,
    state: string,
    owner: JobOwner,
  ): Promise<JobOwner | undefined> {
    const { enqueue } = this.#guard.options.onConflict ?? {};
    if (enqueue === "replace" && isWaiting(state) && state !== "waiting-children") {
      return (await isRemoved(job)) ? this.#takeOver(request, claimed) : void (await pause(LOOK));
    }
    if (enqueue === "keep-latest") return this.#update(request, claimed, job, owner);
    // It may have begun, and be over, since we looked whether it runs.
    const isOld =
      state === "active" && (await this.#guard.claims.find(request.name))?.token !== claimed.token;
    return isOld ? undefined : owner;
  }

  async #update(
    request: Request,
    claimed: Claimed,
    job: AddedJob,
    owner: JobOwner,
  ): Promise<JobOwner | undefined> {
    try {
      await job.updateData(request.job.data);
    } catch (error) {
      if (isOver(await job.getState())) return undefined;
      throw error;
    }
    // It may have been read before: then the latest is added as well.
    return isWaiting(await job.getState()) ? owner : this.#takeOver(request, claimed);
  }

  /** `wasLeft`: its job had ended, and the claim with it, had a guard known of that. */
  async #takeOver(request: Request, claimed: Claimed, wasLeft = false): Promise<undefined> {
    const { name, key, asked } = request;
    if (!(await this.#guard.claims.end(name, claimed))) return;
    this.#guard.events.emit("takenOver", { key, job: asked, from: claimed.owner });
    if (wasLeft) this.#guard.events.warn("LOCK_JOB_CLAIM_LEFT_BEHIND");
  }
}

import type { LockState } from "@lock/core";
import { isOver, isSameJob, isWaiting, type JobLike, ownerOf, type QueueLike, storeOf } from "./bullmq.ts";
import { type DetachedLeases, detachedLeases, LockUsageError } from "./core.ts";
import { claimKey } from "./keys.ts";
import {
  DAY,
  type EventJob,
  type GuardOptions,
  type JobLocks,
  type JobOwner,
  RULES,
  type Strategy,
} from "./options.ts";

/**
 * A claim whose job does not exist is believed for this long, ms: its producer is about to add it. One that needs
 * longer asks whether the claim is still its own, before and after.
 */
export const PENDING = 2_000;
/** How long it is believed where a queue is kept, ms. */
const STORE_AGE = 60_000;
/** What a job remembers of its `add`, among its options: its run may make another key, or none. */
export interface Claim {
  readonly owner: JobOwner;
  /** Of its key, with the scope. */
  readonly name: string;
  /** By which it ends, whatever guard runs the job. */
  readonly strategy: Strategy;
  /** Of the lease. Undefined: the job is not claimed. */
  readonly token: string | undefined;
}

/** A claim of a job that is being added. */
export interface NewClaim extends Claim {
  /** How long it lasts once the job was added, and until then, ms. */
  readonly ttl: number;
  readonly firstTtl: number;
  /** By both clocks of this process: of a suspended machine only the wall clock goes on. */
  readonly since: { readonly mono: number; readonly wall: number };
}

/** A claim as others see it. */
export interface Claimed {
  /** Undefined: not one of ours. */
  readonly owner: JobOwner | undefined;
  readonly strategy: Strategy;
  /** The first characters of its token: enough to take this claim, and no later one. */
  readonly token: string;
  /** Where its queue is kept, if that could be told. */
  readonly store: string | undefined;
  /** Its job may be about to be added. */
  readonly isPending: boolean;
  /** Milliseconds that are left of it. */
  readonly remaining: number;
}

/** A claim is a lease that nobody keeps; it is ended when its job ends. */
export class Claims {
  /** How long a lease can be believed, ms. Where the server says more, its clock has been set. */
  readonly maxTtl: number;
  readonly #locks: JobLocks;
  readonly #strategy: Strategy;
  /** How long a claim lasts whose job was added, ms. */
  readonly #window: number;
  /** Where its job cannot tell everybody whether a claim stands, it is short until the job was added. */
  readonly #isShort: boolean;
  /** Jobs of several queues may have the same keys. */
  readonly #isShared: boolean;
  readonly #stores = new WeakMap<QueueLike, { store: Promise<string | undefined>; since: number }>();

  /** @throws LockUsageError */
  constructor({ locks, strategy, scope = "queue", window }: GuardOptions) {
    this.#locks = locks;
    this.#strategy = strategy;
    const { claims, claimEnds } = RULES[strategy];
    this.maxTtl = claims ? this.#leases.maxTtl : longestTtl(locks);
    this.#window = window ?? Math.min(DAY, this.maxTtl);
    if (this.#window > this.maxTtl) {
      throw new LockUsageError(
        `guardJobs: window must be at most ${this.maxTtl}, the maxTtl of its locks, got ${window}`,
      );
    }
    this.#isShared = scope !== "queue";
    this.#isShort = claimEnds === "never" || this.#isShared;
  }

  get #leases(): DetachedLeases {
    return detachedLeases(this.#locks);
  }

  /** A claim to be taken, and the id of its job. @throws LockUsageError for a delay that no claim outlasts */
  create(name: string, { queue, jobId }: EventJob, delay = 0): NewClaim {
    const strategy = this.#strategy;
    const outlasts = RULES[strategy].claimEnds === "never" ? 0 : Math.max(0, delay);
    if (outlasts >= this.maxTtl) {
      throw new LockUsageError(
        `a delay must be less than ${this.maxTtl}, the maxTtl of its locks, got ${delay}: raise that maxTtl`,
      );
    }
    const ttl = Math.min(this.maxTtl, Math.ceil(this.#window + outlasts));
    const token = this.#leases.newToken();
    const since = { mono: performance.now(), wall: Date.now() };
    const firstTtl = this.#isShort ? Math.min(PENDING, Math.ceil(this.#window / 4)) : ttl;
    const owner = { queue, jobId: jobId ?? `guard-${token}` };
    return { owner, name, strategy, token, ttl, firstTtl, since };
  }

  /**
   * False when another job has claimed the key. `added`: the queue that the job is about to be added to; without one it
   * runs again, and its claim may have ended with an earlier run.
   */
  async take(claim: Claim & Partial<NewClaim>, added?: QueueLike, ttl?: number): Promise<boolean> {
    const { name, token = "", owner, strategy, firstTtl = this.#window } = claim;
    // Where jobs of other queues have the same keys, their producers need to know where to look for the job.
    const store = added && this.#isShared && (await this.#storeOf(added));
    const meta = { ...owner, strategy, ttl: String(firstTtl), ...(store && { store }) };
    return this.#leases.take(claimKey(name), token, { ttl: ttl ?? firstTtl, meta });
  }

  /** Whether nobody can have taken it from us; a promise where others must be asked. */
  isOurs(claim: NewClaim): boolean | Promise<boolean> {
    const { name, token, since, firstTtl } = claim;
    // A clock that is set forward costs no more than a question.
    const age = Math.max(performance.now() - since.mono, Date.now() - since.wall);
    const isYoung = age < Math.min(PENDING, firstTtl) / 2;
    return token === undefined || isYoung || this.#leases.extend(claimKey(name), token, firstTtl);
  }

  /** Its job was added: from here on the claim belongs to it. One that has ended meanwhile is taken again, if it can be. */
  async keep(claim: NewClaim, queue: QueueLike): Promise<"kept" | "retaken" | "lost"> {
    const { name, token, ttl } = claim;
    const isShort = token !== undefined && this.#isShort;
    const isOurs = isShort ? this.#leases.extend(claimKey(name), token, ttl) : this.isOurs(claim);
    if (await isOurs) return "kept";
    return (await this.take(claim, queue, ttl)) ? "retaken" : "lost";
  }

  /** Ends the claim of a job; false when it has ended already. */
  async release({ name, token }: Claim): Promise<boolean> {
    return token !== undefined && (await this.#leases.release(claimKey(name), token));
  }

  /** One that cannot be given back now is found to have no job. */
  async giveBack(claim: Claim): Promise<void> {
    await this.release(claim).catch(() => undefined);
  }

  /** Of any lock: of a claim, or of a run. */
  async holdersOf(key: string): Promise<LockState["holders"]> {
    return (await this.#locks.inspect(key))?.holders ?? [];
  }

  async find(name: string): Promise<Claimed | undefined> {
    const [holder] = await this.holdersOf(claimKey(name));
    if (holder === undefined) return undefined;
    const { remaining = 0, token, meta } = holder;
    // As long as its producer made it, which may have had another window.
    const first = Number(meta.ttl ?? this.#window);
    return {
      token,
      remaining,
      store: meta.store,
      strategy: isStrategy(meta.strategy) ? meta.strategy : this.#strategy,
      owner: ownerIn(meta),
      // Short ones are prolonged when their job was added.
      isPending: first <= PENDING ? remaining <= first : first - remaining < PENDING,
    };
  }

  /** Ends the claim that was found; false when it has ended already. */
  end(name: string, { token }: Claimed): Promise<boolean> {
    return this.#locks.forceRelease(claimKey(name), { token });
  }

  /** Asked for anew now and then: another server may have taken the place of the first. */
  #storeOf(queue: QueueLike): Promise<string | undefined> {
    const now = performance.now();
    const known = this.#stores.get(queue);
    if (known && now - known.since < STORE_AGE) return known.store;
    const store = storeOf(queue);
    this.#stores.set(queue, { store, since: now });
    return store;
  }
}

function longestTtl(locks: JobLocks): number {
  try {
    return detachedLeases(locks).maxTtl;
  } catch {
    // Something is around the locks.
    return DAY;
  }
}

/** The job that holds a claim or a lease, as its `meta` tells; undefined where no guard has written it. */
export function ownerIn({ queue, jobId }: Readonly<Record<string, string>>): JobOwner | undefined {
  return queue === undefined || jobId === undefined ? undefined : { queue, jobId };
}

/** What a job remembers, with its version. Undefined: no guard has added it, or it was copied with its options from one that a guard has. */
export function claimOf(job: JobLike): Claim | undefined {
  const claim = Object(job.opts.guard);
  const { v, owner, name, strategy } = claim;
  const isClaim = v === 1 && typeof name === "string" && isStrategy(strategy);
  return isClaim && isSameJob(owner, ownerOf(job)) ? claim : undefined;
}

/** Whether the claim of a job in this state stands, of which nothing else is known. */
export function stands(strategy: Strategy, state: string): boolean {
  const { claimEnds, runsAlone } = RULES[strategy];
  // One that is active without a lease may find its key busy, and wait again.
  if (claimEnds === "start" && !runsAlone) return isWaiting(state);
  return claimEnds === "never" || !isOver(state);
}

function isStrategy(value: unknown): value is Strategy {
  return Object.hasOwn(RULES, String(value));
}

import { LockUsageError } from "@lock/core";
import { type UnattendedLeases, unattendedLeases } from "@lock/core/adapter";
import { isOutage } from "./errors.ts";
import { type GuardOptions, type JobLocks, type JobOwner, RULES } from "./options.ts";
import { isSameJob, ownerIn } from "./queues.ts";

/**
 * A claim whose job does not exist is believed for this long, ms: its producer is about to add it. One that needs
 * longer asks whether the claim is still its own, before and after.
 */
export const PENDING = 2_000;
/** An id that the guard makes ends with the token of its claim: so a worker ends it with one command. */
const MADE_HERE = "guard-";

/** A claim as others see it. */
export interface Claimed {
  /** Undefined: not one of ours. */
  readonly owner: JobOwner | undefined;
  /** The first characters of its token: enough to take this claim, and no later one. */
  readonly token: string;
  /** Its job may be about to be added. */
  readonly isPending: boolean;
  /** Milliseconds that are left of it. */
  readonly remaining: number;
}

/** A claim of a job that is being added. */
export interface Claim {
  readonly key: string;
  readonly token: string;
  readonly owner: JobOwner;
  /** By both clocks of this process: of a suspended machine only the wall clock goes on. */
  readonly since: { readonly mono: number; readonly wall: number };
}

const DAY = 86_400_000;

/** A claim is a lease that nobody keeps; it is ended by whoever ends its job. */
export class Claims {
  readonly #locks: JobLocks;
  readonly #leases: UnattendedLeases;
  /** How long a claim lasts whose job was added, ms. */
  readonly #window: number;
  /** Where its job cannot tell everybody whether a claim stands, it is short until the job was added. */
  readonly #isShort: boolean;
  /** How long a new claim lasts, ms. */
  readonly #ttl: number;

  /** @throws LockUsageError */
  constructor({ locks, strategy, scope = "queue", window }: GuardOptions) {
    this.#locks = locks;
    this.#leases = unattendedLeases(locks);
    const { maxTtl } = this.#leases;
    this.#window = window ?? Math.min(DAY, maxTtl);
    if (this.#window > maxTtl) {
      throw new LockUsageError(
        `guardJobs: window must be at most ${maxTtl}, the maxTtl of its locks, got ${window}`,
      );
    }
    this.#isShort = RULES[strategy].claimEnds === "never" || scope !== "queue";
    this.#ttl = this.#isShort ? Math.min(PENDING, Math.ceil(this.#window / 4)) : this.#window;
  }

  /** An id for a job to come. */
  newJobId(): string {
    return MADE_HERE + this.#leases.newToken();
  }

  /** Undefined when the key is claimed already. */
  async take(key: string, owner: JobOwner): Promise<Claim | undefined> {
    const token = tokenIn(owner.jobId) ?? this.#leases.newToken();
    const since = { mono: performance.now(), wall: Date.now() };
    return (await this.#take(key, token, owner, this.#ttl)) ? { key, token, owner, since } : undefined;
  }

  /** Whether nobody can have taken it from us; a promise where others must be asked. */
  isOurs({ key, token, since }: Claim): boolean | Promise<boolean> {
    // A clock that is set forward costs no more than a question.
    const age = Math.max(performance.now() - since.mono, Date.now() - since.wall);
    const isYoung = age < Math.min(PENDING, this.#ttl) / 2;
    return isYoung || this.#leases.extend(key, token, this.#ttl);
  }

  /** Its job was added: from here on the claim belongs to it. One that has ended meanwhile is taken again, if it can be. */
  async keep(claim: Claim): Promise<"kept" | "retaken" | "lost"> {
    const { key, token, owner } = claim;
    const isOurs = this.#isShort ? this.#leases.extend(key, token, this.#window) : this.isOurs(claim);
    if (await isOurs) return "kept";
    return (await this.#take(key, token, owner, this.#window)) ? "retaken" : "lost";
  }

  /** One that cannot be given back now is found to have no job. */
  async giveBack({ key, token }: Claim): Promise<void> {
    try {
      await this.#leases.release(key, token);
    } catch (error) {
      if (!isOutage(error)) throw error;
    }
  }

  async find(key: string): Promise<Claimed | undefined> {
    const holder = (await this.#locks.inspect(key))?.holders[0];
    if (holder === undefined) return undefined;
    const { remaining = 0, token, meta } = holder;
    // As long as its producer made it, which may have had another window.
    const first = Number(meta.ttl ?? this.#ttl);
    return {
      token,
      remaining,
      owner: ownerIn(meta),
      isPending: this.#isShort ? remaining <= first : first - remaining < PENDING,
    };
  }

  /** Ends the claim that was found; false when it has ended already. */
  end(key: string, { token }: Claimed): Promise<boolean> {
    return this.#locks.forceRelease(key, { token });
  }

  /** Ends the claim of a job; false when it has ended already. */
  async endOf(key: string, owner: JobOwner): Promise<boolean> {
    const token = tokenIn(owner.jobId);
    if (token !== undefined) return this.#leases.release(key, token);
    const claimed = await this.find(key);
    if (claimed === undefined || !isSameJob(claimed.owner, owner)) return false;
    return this.end(key, claimed);
  }

  #take(key: string, token: string, { queue, jobId }: JobOwner, ttl: number): Promise<boolean> {
    return this.#leases.take(key, token, { ttl, meta: { queue, jobId, ttl: String(this.#ttl) } });
  }
}

/** The token of its claim, of an id that was made here. */
export function tokenIn(jobId: string): string | undefined {
  return jobId.startsWith(MADE_HERE) ? jobId.slice(MADE_HERE.length) : undefined;
}

import { type UnattendedLeases, unattendedLeases } from "@lock/core/adapter";
import type { JobLocks, JobOwner } from "./options.ts";

/**
 * A claim whose job does not exist is believed for this long, ms: its producer is about to add it. One that needs
 * longer asks whether the claim is still its own, before and after.
 */
const PENDING = 2_000;
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
  /** As `performance.now` tells it. */
  readonly since: number;
}

export interface ClaimsOptions {
  readonly locks: JobLocks;
  /** How long a claim lasts, ms. */
  readonly window: number;
  /**
   * Whether a claim lasts also when its job is gone. Then nothing but time tells one whose job was never added, and it
   * is short until the job was.
   */
  readonly outlivesJob: boolean;
}

/** A claim is a lease that nobody keeps; it is ended by whoever ends its job. */
export class Claims {
  readonly #leases: UnattendedLeases;
  /** How long a claim lasts whose job is about to be added, ms. */
  readonly #ttl: number;

  constructor(private readonly options: ClaimsOptions) {
    const { locks, window, outlivesJob } = options;
    this.#leases = unattendedLeases(locks);
    this.#ttl = outlivesJob ? Math.min(PENDING, window) : window;
  }

  /** An id for a job to come. */
  newJobId(): string {
    return MADE_HERE + this.#leases.newToken();
  }

  /** Undefined when the key is claimed already. */
  async take(key: string, { queue, jobId }: JobOwner): Promise<Claim | undefined> {
    const token = tokenIn(jobId) ?? this.#leases.newToken();
    const since = performance.now();
    const isTaken = await this.#leases.take(key, token, { ttl: this.#ttl, meta: { queue, jobId } });
    return isTaken ? { key, token, since } : undefined;
  }

  /** Whether nobody can have taken it from us; a promise where others must be asked. */
  isOurs({ key, token, since }: Claim): boolean | Promise<boolean> {
    return performance.now() - since < PENDING / 2 || this.#leases.extend(key, token, this.#ttl);
  }

  /** Its job was added: from here on the claim belongs to it. False when it has ended meanwhile. */
  settle(claim: Claim): boolean | Promise<boolean> {
    const { outlivesJob, window } = this.options;
    return outlivesJob ? this.#leases.extend(claim.key, claim.token, window) : this.isOurs(claim);
  }

  async giveBack({ key, token }: Claim): Promise<void> {
    await this.#leases.release(key, token);
  }

  async find(key: string): Promise<Claimed | undefined> {
    const { locks, window, outlivesJob } = this.options;
    const holder = (await locks.inspect(key))?.holders[0];
    if (holder === undefined) return undefined;
    const { queue, jobId } = holder.meta;
    const { remaining = 0, token } = holder;
    return {
      token,
      remaining,
      owner: queue === undefined || jobId === undefined ? undefined : { queue, jobId },
      isPending: outlivesJob ? remaining <= PENDING : remaining > window - PENDING,
    };
  }

  /** Ends the claim that was found; false when it has ended already. */
  end(key: string, { token }: Claimed): Promise<boolean> {
    return this.options.locks.forceRelease(key, { token });
  }

  /** Ends the claim of a job; false when it has ended already. */
  async endOf(key: string, { queue, jobId }: JobOwner): Promise<boolean> {
    const token = tokenIn(jobId);
    if (token !== undefined) return this.#leases.release(key, token);
    const claimed = await this.find(key);
    if (claimed?.owner?.queue !== queue || claimed.owner.jobId !== jobId) return false;
    return this.end(key, claimed);
  }
}

/** The token of its claim, of an id that was made here. */
export function tokenIn(jobId: string): string | undefined {
  return jobId.startsWith(MADE_HERE) ? jobId.slice(MADE_HERE.length) : undefined;
}

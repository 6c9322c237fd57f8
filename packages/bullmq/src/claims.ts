import { isLockError, type Lease } from "@lock/core";
import type { JobLocks, JobOwner } from "./options.ts";

/**
 * A claim whose job does not exist is believed for this long, ms: its producer is about to add it. One that needs
 * longer asks whether the claim is still its own, before and after.
 */
const PENDING = 2_000;

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

/** A claim is a lease that nobody renews; it is given back by whoever ends its job. */
export class Claims {
  constructor(private readonly options: ClaimsOptions) {}

  /** Undefined when the key is claimed already. */
  async take(key: string, jobId: JobOwner): Promise<Claim | undefined> {
    const { locks, window, outlivesJob } = this.options;
    const ttl = outlivesJob ? Math.min(PENDING, window) : window;
    const lease = await locks.tryAcquire(key, { ttl, renew: outlivesJob, meta: { ...jobId } });
    return lease === null ? undefined : new Claim(lease, this.options);
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
      owner: queue === undefined || jobId === undefined ? undefined : { queue, jobId: fullId(jobId, token) },
      isPending: outlivesJob ? remaining <= PENDING : remaining > window - PENDING,
    };
  }

  /** Ends the claim of that token; false when it has ended already. */
  end(key: string, token: string): Promise<boolean> {
    return this.options.locks.forceRelease(key, { token });
  }

  /** Ends the claim of a job; false when it has ended already. */
  async endOf(key: string, { queue, jobId }: JobOwner): Promise<boolean> {
    const token = tokenIn(jobId);
    if (token !== undefined) return this.end(key, token);
    const claimed = await this.find(key);
    if (claimed?.owner?.queue !== queue || claimed.owner.jobId !== jobId) return false;
    return this.end(key, claimed.token);
  }
}

/** A claim of a job that is being added. */
export class Claim {
  readonly #since = performance.now();

  constructor(
    private readonly lease: Lease,
    private readonly options: ClaimsOptions,
  ) {}

  /** The id of its job; one that the guard made is not complete without this. */
  fullId(partial: string): string {
    return fullId(partial, this.lease.token.slice(0, TOKEN_LENGTH));
  }

  /** Whether nobody can have taken it from us. */
  async isOurs(): Promise<boolean> {
    return performance.now() - this.#since < PENDING / 2 || this.#extend();
  }

  /** The job was added: from here on the claim belongs to it. False when it has ended meanwhile. */
  settle(): Promise<boolean> {
    return this.options.outlivesJob ? this.#extend() : this.isOurs();
  }

  /** Forgets it here, and leaves it on the server. Does nothing to one that has ended. */
  leave(): void {
    if (this.lease.validFor > 0) this.lease.toTicket();
  }

  async giveBack(): Promise<void> {
    await this.lease.release();
  }

  async #extend(): Promise<boolean> {
    try {
      await this.lease.extend(this.options.window);
      return true;
    } catch (error) {
      if (isLockError(error) && error.code === "LOCK_LOST") return false;
      throw error;
    }
  }
}

/** As many as `inspect` shows. */
const TOKEN_LENGTH = 8;
const MADE_HERE = "guard-";

/** An id that the guard makes ends with the token of its claim: so a worker ends it with one command. */
export function partialId(uuid: string): string {
  return `${MADE_HERE}${uuid}`;
}

function fullId(jobId: string, token: string): string {
  return jobId.startsWith(MADE_HERE) ? `${jobId}-${token}` : jobId;
}

function tokenIn(jobId: string): string | undefined {
  return jobId.startsWith(MADE_HERE) ? jobId.slice(-TOKEN_LENGTH) : undefined;
}

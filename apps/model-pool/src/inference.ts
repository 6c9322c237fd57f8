import { setTimeout as sleep } from "node:timers/promises";
import type { Lease, Pool, PoolLease } from "@lock/core";
import type { Job } from "./messages.ts";

export interface Terms {
  /** Milliseconds after which a model comes back whose node has died. */
  readonly ttl: number;
  /** Milliseconds to wait for a model. */
  readonly wait: number;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/** Waits for a model, any that is free or the chosen one, and gives it back whatever `work` does. */
export async function withModel(
  pool: Pool,
  choice: Job["choice"],
  terms: Terms,
  work: (lease: PoolLease) => Promise<void>,
): Promise<void> {
  const lease = await pool.acquire({ ...choice, ...terms });
  try {
    await work(lease);
  } finally {
    await lease.release();
  }
}

const STEP_MS = 50;

/**
 * Simulates an inference, and calls `proceeded` after each step. There is no point in going on when the lease is
 * lost: somebody else may have the model by now.
 */
export async function infer(
  lease: Lease,
  duration: number,
  stop: AbortSignal,
  proceeded: () => void,
): Promise<void> {
  for (let left = duration; left > 0; left -= STEP_MS) {
    stop.throwIfAborted();
    await sleep(Math.min(STEP_MS, left), undefined, { signal: lease.signal });
    lease.assertHeld();
    proceeded();
  }
}

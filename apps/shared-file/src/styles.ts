import type { Lease, Locks } from "@lock/core";

/** Does the protected work. Is to stop when `lease.signal` aborts. */
export type Work = (lease: Lease) => Promise<void>;

/** The lease in your own hands: whatever happens in between, `finally` gives it back. */
async function withAcquire(locks: Locks, key: string, stop: AbortSignal, work: Work): Promise<void> {
  const lease = await locks.acquire(key, { ttl: 5_000, wait: 20_000, signal: stop });
  try {
    await work(lease);
  } finally {
    await lease.release();
  }
}

/** The same in one call: acquires, runs the function, releases. */
async function withUsing(locks: Locks, key: string, stop: AbortSignal, work: Work): Promise<void> {
  await locks.using(key, { ttl: 5_000, wait: 20_000, signal: stop }, async (lease) => {
    await work(lease);
  });
}

export const styles = { acquire: withAcquire, using: withUsing } as const;

import { setTimeout as sleep } from "node:timers/promises";
import type { Locks, PoolSlot, WaiterState } from "@lock/core";
import { MODELS, POOL } from "./messages.ts";

/** What the server says of the pool. */
export interface Sight {
  readonly slots: readonly PoolSlot[];
  /** In the order in which they came. */
  readonly waiters: readonly WaiterState[];
}

const EVERY_MS = 120;

/** Shows what the server says of the pool until the work is over, and once more after that. */
export async function watch(locks: Locks, work: Promise<void>, show: (sight: Sight) => void): Promise<void> {
  const over = new AbortController();
  work.finally(() => over.abort()).catch(() => undefined);
  while (!over.signal.aborted) {
    show(await look(locks));
    await sleep(EVERY_MS, undefined, { signal: over.signal }).catch(() => undefined);
  }
  await work;
  show(await look(locks));
}

async function look(locks: Locks): Promise<Sight> {
  const [slots, state] = await Promise.all([locks.pool(POOL, { size: MODELS }).list(), locks.inspect(POOL)]);
  return { slots, waiters: state?.waiters ?? [] };
}

import { setTimeout as sleep } from "node:timers/promises";
import { type Lease, LockBackendError, LockLostError, type LocksWithoutPermits } from "@lock/core";
import { machineTime } from "@lock/demo-kit";
import {
  CATCH_UP_TICKS,
  type Happening,
  LEAD_TTL_MS,
  MIN_HOLD_TICKS,
  RUN_TTL_MS,
  type Task,
  type Write,
} from "./messages.ts";

export const LEAD = "pricing-oracle-keeper";

/** What a keeper works on. */
export interface World {
  tell(happening: Happening): void;
  askPrice(tick: number): Promise<number>;
  /** Whether the register accepted it. */
  write(write: Write): Promise<boolean>;
}

/** Stands by until it leads, leads until that is lost, and stands by again. */
export async function keep(
  locks: LocksWithoutPermits,
  task: Task,
  world: World,
  stop: AbortSignal,
): Promise<void> {
  for (;;) {
    world.tell({ kind: "stands by" });
    const lead = await locks.acquire(LEAD, { ttl: LEAD_TTL_MS, wait: "forever", signal: stop });
    world.tell({ kind: "leads", fence: lead.fencingToken, until: machineTime() + lead.validFor });
    try {
      await runTicks(locks, lead, task, world, stop);
    } catch (error) {
      // Somebody else leads now, or will: that is what the standby is for.
      if (!lead.signal.aborted || stop.aborted) throw error;
    }
  }
}

async function runTicks(
  locks: LocksWithoutPermits,
  lead: Lease,
  { epoch, every }: Task,
  world: World,
  stop: AbortSignal,
): Promise<never> {
  const signal = AbortSignal.any([lead.signal, stop]);
  const now = Math.floor((Date.now() - epoch) / every);
  for (let tick = Math.max(1, now - CATCH_UP_TICKS); ; tick++) {
    await sleep(Math.max(0, epoch + tick * every - Date.now()), undefined, { signal });
    lead.assertHeld();
    await runOnce(locks, lead, tick, every, world);
  }
}

/** Runs a tick, unless it was run: its key stays held for `minHold`, also after the release. */
async function runOnce(
  locks: LocksWithoutPermits,
  lead: Lease,
  tick: number,
  every: number,
  world: World,
): Promise<void> {
  const terms = { ttl: RUN_TTL_MS, minHold: MIN_HOLD_TICKS * every };
  try {
    const run = await locks.tryAcquire(`${LEAD}:tick-${tick}`, terms);
    if (run === null) return world.tell({ kind: "skips", tick });
    const price = await world.askPrice(tick);
    // No look at the lease in between, on purpose: a write may always be on its way when its lease ends. What keeps it
    // out then is the fencing token, which the register compares.
    const isAccepted = await world.write({ tick, price, fence: lead.fencingToken });
    await run.release();
    if (isAccepted) world.tell({ kind: "ran", tick });
  } catch (error) {
    if (!(error instanceof LockBackendError || error instanceof LockLostError)) throw error;
    world.tell({ kind: "cannot run", tick, error: error.name });
  }
}

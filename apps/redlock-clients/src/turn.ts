import { setTimeout as sleep } from "node:timers/promises";
import { isLockError, type Lease, type LocksWithoutPermits, LockTimeoutError, QuorumError } from "@lock/core";
import { machineTime } from "@lock/demo-kit";
import { leaseOf } from "./logging-node.ts";
import type { Happening } from "./messages.ts";
import { toldVotes } from "./told-votes.ts";

type Tell = (happening: Happening) => void;

/** What all clients want. */
const KEY = "ledger:2026";
/** How long one acquire waits for the lock, or for a majority. */
const WAIT_MS = 2_500;
/** The work under the lock. */
const WORK_MS = { least: 120, most: 350 };
const RETRY_MS = { least: 200, most: 500 };

/** Asks until it was granted the lock and has done its work under it. */
export async function takeTurn(
  locks: LocksWithoutPermits,
  turn: number,
  tell: Tell,
  stop: AbortSignal,
): Promise<void> {
  for (;;) {
    tell({ what: "asks", turn });
    const start = machineTime();
    try {
      const lease = await locks.acquire(KEY, { wait: WAIT_MS, signal: stop });
      if (await work(lease, turn, machineTime() - start, tell, stop)) return;
    } catch (error) {
      if (!isLockError(error)) throw error;
      // Contention and an outage are told apart: the key was busy, or no majority could say.
      if (error instanceof QuorumError) tell({ what: "refused", turn, votes: toldVotes(error.votes) });
      else if (error instanceof LockTimeoutError) tell({ what: "timeout", turn, waited: error.waited });
      else throw error;
    }
    const pause = Math.round(between(RETRY_MS));
    tell({ what: "retry", turn, pause });
    await sleep(pause, undefined, { signal: stop });
  }
}

/** Whether it was done before the lease was lost. */
async function work(
  lease: Lease,
  turn: number,
  waited: number,
  tell: Tell,
  stop: AbortSignal,
): Promise<boolean> {
  const { fencingToken: fence, validFor } = lease;
  const from = machineTime();
  tell({ what: "acquired", turn, lease: leaseOf(lease.token), fence, waited, validFor });
  let until = from + validFor;
  try {
    await sleep(between(WORK_MS), undefined, { signal: AbortSignal.any([lease.signal, stop]) });
    lease.assertHeld();
    until = machineTime();
    return true;
  } catch (error) {
    if (!lease.signal.aborted) throw error;
    tell({ what: "lost", turn, reason: lease.signal.reason.reason });
    return false;
  } finally {
    tell({ what: "ends", turn, until });
    tell({ what: "released", turn, outcome: await release(lease) });
  }
}

/** Whatever comes of it, the work is over: what cannot be freed now ends with its ttl. */
async function release(lease: Lease): Promise<string> {
  try {
    return await lease.release();
  } catch (error) {
    if (error instanceof QuorumError) return "undecided";
    throw error;
  }
}

function between({ least, most }: { readonly least: number; readonly most: number }): number {
  return least + Math.random() * (most - least);
}

import { setTimeout as sleep } from "node:timers/promises";
import { DemoError } from "@lock/demo-kit";
import type { OpenQueue } from "./connections.ts";

/** What BullMQ says of a queue. */
export interface QueueCounts {
  readonly name: string;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly completed: number;
  readonly failed: number;
}

const EVERY_MS = 120;
/** Without an end, something is wrong. */
const MOST_MS = 45_000;

/**
 * Shows the queues until the work is over, and nothing is left in them.
 * @throws DemoError when that does not happen
 */
export async function watch(
  queues: readonly OpenQueue[],
  work: Promise<void>,
  show: (counts: readonly QueueCounts[]) => void,
): Promise<void> {
  let isOver = false;
  const over = work.then(() => {
    isOver = true;
  });
  // What BullMQ does not answer, because Redis has gone, must not keep us from hearing of either.
  const failed = Promise.race([over.then(() => never), tooLate()]);
  failed.catch(() => undefined);
  for (;;) {
    // What was so before the look: nobody adds a job after that.
    const wasOver = isOver;
    const counts = await Promise.race([look(queues), failed]);
    show(counts);
    if (wasOver && counts.every(isIdle)) return;
    await Promise.race([sleep(EVERY_MS), failed]);
  }
}

export function isIdle({ waiting, active, delayed }: QueueCounts): boolean {
  return waiting + active + delayed === 0;
}

const never = new Promise<never>(() => undefined);

async function tooLate(): Promise<never> {
  await sleep(MOST_MS, undefined, { ref: false });
  throw new DemoError(`the reports are not there after ${MOST_MS / 1_000} s`);
}

function look(queues: readonly OpenQueue[]): Promise<QueueCounts[]> {
  return Promise.all(
    queues.map(async ({ queue }) => {
      const counts = await queue.getJobCounts("wait", "active", "delayed", "completed", "failed");
      const { wait = 0, active = 0, delayed = 0, completed = 0, failed = 0 } = counts;
      return { name: queue.name, waiting: wait, active, delayed, completed, failed };
    }),
  );
}

import type { Job, Queue, Worker } from "bullmq";
import type { GuardEvents, JobGuard } from "../../src/index.ts";

/** Resolves with the job when the worker has completed, or failed, one for good. */
export function finished(worker: Worker): Promise<Job> {
  return new Promise((resolve) => {
    worker.once("completed", resolve);
    worker.on("failed", (job) => {
      if (job !== undefined && job.attemptsMade >= (job.opts.attempts ?? 1)) resolve(job);
    });
  });
}

/** Resolves with what an event tells the next time. */
export function next<T>(on: (listener: (told: T) => void) => () => void): Promise<T> {
  return new Promise((resolve) => {
    const stop = on((told) => {
      stop();
      resolve(told);
    });
  });
}

/** All that a guard tells, as it comes. */
export function told(guard: JobGuard): [string, unknown][] {
  const events: [string, unknown][] = [];
  for (const name of ["duplicate", "rescheduled", "takenOver", "lost", "unguarded", "leftBehind"] as const) {
    guard.on(name, (event: GuardEvents[typeof name]) => events.push([name, event]));
  }
  return events;
}

/** How many jobs are over, by how they ended. */
export async function countOver(queue: Queue) {
  const { completed = 0, failed = 0 } = await queue.getJobCounts("completed", "failed");
  return { completed, failed };
}

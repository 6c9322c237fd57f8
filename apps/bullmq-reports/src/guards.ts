import { guardJobs, type JobFacts, type JobGuard, type JobLocks } from "@lock/bullmq";
import type { Report } from "./messages.ts";

export interface Guards {
  /** For `add`: one job for a report and window, whichever queue it is in, whatever becomes of it. */
  readonly once: JobGuard;
  /** For the processor: never two runs of a report at a time, not even of one job that stalled. */
  readonly alone: JobGuard;
}

/**
 * Two guards, as there are two promises: "until-expired" remembers a report that is built, and does not look at its
 * runs; "while-executing" keeps the runs apart. Both mean the same key in all queues.
 * The window is longer than the demo; the ttl is so short that one can watch how the report of a dead worker is built.
 */
export function openGuards(locks: JobLocks): Guards {
  const key = ({ data }: JobFacts<Report>) => data.report;
  const scope = "global";
  const once = guardJobs({ locks, key, scope, strategy: "until-expired", window: 60_000 });
  const alone = guardJobs({
    locks,
    key,
    scope,
    strategy: "while-executing",
    ttl: 1_200,
    reschedule: { min: 200, max: 1_000 },
  });
  return { once, alone };
}

import { guardJobs } from "@lock/bullmq";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Redis } from "ioredis";

/** A sandboxed processor: its guard lives in a process or a thread of its own. */
let guarded;

/** @param {import("bullmq").Job} job */
export default function work(job, token) {
  guarded ??= guardJobs({
    locks: createLocks({ backend: ioredisBackend(new Redis(job.data.url)) }),
    strategy: "while-executing",
    key: ({ data }) => data.report,
    reschedule: { min: 20, max: 50 },
  }).processor(async () => "built");
  return guarded(job, token);
}

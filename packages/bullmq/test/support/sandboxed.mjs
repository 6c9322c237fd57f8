import { guardJobs } from "@lock/bullmq";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Redis } from "ioredis";

/** A sandboxed processor: the guard lives in the child, with a connection of its own. */
const redis = new Redis(process.env.TEST_REDIS_URL ?? "");
const guard = guardJobs({
  locks: createLocks({ backend: ioredisBackend(redis) }),
  strategy: "while-executing",
  key: ({ data }) => data.report,
  reschedule: { min: 20, max: 100 },
});

export default guard.processor(async (job, { fencingToken }) => {
  const begun = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { report: job.data.report, fence: fencingToken, begun, ended: Date.now(), pid: process.pid };
});

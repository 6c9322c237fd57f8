import { guardJobs } from "@lock/bullmq";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Redis } from "ioredis";

/** A sandboxed processor of the next release, whose guard makes another key. Its first attempt fails. */
const guard = guardJobs({
  locks: createLocks({ backend: ioredisBackend(new Redis(process.env.TEST_REDIS_URL ?? "")) }),
  strategy: "until-executed",
  scope: "sandboxed",
  key: ({ data }) => `next:${data.report}`,
});

export default guard.processor(async (job) => {
  await job.updateData({ report: "other" });
  if (job.attemptsStarted === 1) throw new Error("again");
});

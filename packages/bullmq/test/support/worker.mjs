import { guardJobs } from "@lock/bullmq";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Redis } from "ioredis";
import { bullmqOf, connectionOf } from "./bullmq.mjs";

/** Works on two queues until it is ended, and writes down each act of a run that believes in its lease. */
const [url = "", major = "", ...names] = process.argv.slice(2);
const { Worker } = await bullmqOf(major);
const redis = new Redis(url);
const guard = guardJobs({
  locks: createLocks({ backend: ioredisBackend(redis) }),
  strategy: "while-executing",
  scope: "global",
  key: ({ data }) => String(data.report),
  ttl: 1_500,
  reschedule: { min: 20, max: 400 },
});
guard.on("lost", ({ job }) => void redis.rpush("lost", `${job.queue} ${job.jobId}`));
const work = guard.processor(async (job, { lease, fencingToken }) => {
  for (let act = 0; act < 3; act++) {
    const now = Date.now();
    lease?.assertHeld();
    const entry = { run: `${process.pid} ${job.queueName} ${job.id}`, fence: fencingToken, now };
    await redis.rpush(`acts:${job.data.report}`, JSON.stringify(entry));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
});
const options = {
  connection: connectionOf(url),
  concurrency: 5,
  lockDuration: 2_000,
  stalledInterval: 1_000,
  maxStalledCount: 100,
};
for (const name of names) {
  const worker = guard.attach(new Worker(name, work, options));
  worker.on("error", () => undefined);
  await worker.waitUntilReady();
}
process.send?.("ready");
process.on("disconnect", () => process.exit());

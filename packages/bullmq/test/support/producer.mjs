import { guardJobs } from "@lock/bullmq";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Redis } from "ioredis";
import { bullmqOf, connectionOf } from "./bullmq.mjs";

/** Adds `adds` jobs of `keys` keys, 50 at a time, and says what it was told of each. */
const [url = "", major = "", name = "", adds = "", keys = ""] = process.argv.slice(2);
const { Queue } = await bullmqOf(major);
const redis = new Redis(url);
const guard = guardJobs({
  locks: createLocks({ backend: ioredisBackend(redis, { requestTimeout: 10_000 }) }),
  strategy: "until-executed",
  key: ({ data }) => String(data.report),
});
const queue = new Queue(name, { connection: connectionOf(url) });
await queue.waitUntilReady();
process.send?.("ready");
await new Promise((resolve) => process.once("message", resolve));

const told = [];
let next = 0;
const add = async () => {
  while (next < Number(adds)) {
    const report = next++ % Number(keys);
    const result = await guard.add(queue, "build", { report });
    const jobId = result.added ? result.job.id : result.existing.jobId;
    told.push({ report, added: result.added, jobId });
  }
};
await Promise.all(Array.from({ length: 50 }, add));
await queue.close();
redis.disconnect();
process.send?.(told, () => process.disconnect());

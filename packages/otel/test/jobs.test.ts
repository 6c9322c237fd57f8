import { guardJobs, type JobFacts } from "@lock/bullmq";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { useRedis } from "@lock/redis-harness/vitest";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { expect, it } from "vitest";
import { instrumentJobs } from "../src/index.ts";
import { startMetering } from "./support/metering.ts";

const redis = useRedis();

it("duplicates of jobs are counted by the template of their key", async () => {
  const client = new Redis(redis.url);
  const locks = createLocks({ backend: ioredisBackend(client) });
  const guard = guardJobs({
    locks,
    strategy: "until-executed",
    key: ({ data }: JobFacts<{ n: number }>) => `report:${data.n}`,
  });
  const { meter, points } = startMetering();
  const stop = instrumentJobs(guard, { meter });
  const { hostname: host, port } = new URL(redis.url);
  const queue = new Queue("reports", { connection: { host, port: Number(port) } });
  await guard.add(queue, "build", { n: 1 });
  await guard.add(queue, "build", { n: 1 });
  expect(await points("lock.jobs")).toEqual([
    { "lock.key": expect.stringMatching(/^report/), "lock.event": "duplicate", value: 1 },
  ]);
  stop();
  await queue.close();
  await locks.close();
  client.disconnect();
});

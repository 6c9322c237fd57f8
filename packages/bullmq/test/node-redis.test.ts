import * as bullmq from "bullmq";
import { createClient } from "redis";
import { expect, it } from "vitest";
import type { JobFacts } from "../src/index.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();

it("guards queues and workers of BullMQ 6 that are on node-redis", async () => {
  const guard = scene.guard({
    strategy: "until-and-while-executing",
    key: ({ data }: JobFacts<{ report: string }>) => data.report,
    reschedule: { min: 20, max: 100 },
  });
  const clients = [createClient({ url: scene.url }), createClient({ url: scene.url })];
  const [forQueue, forWorker] = await Promise.all(clients.map((client) => client.connect()));
  if (forQueue === undefined || forWorker === undefined) throw new Error("two clients were asked for");
  const queue = new bullmq.Queue(scene.name(), { connection: bullmq.createNodeRedisClient(forQueue) });
  const added = await Promise.all(
    Array.from({ length: 20 }, () => guard.add(queue, "build", { report: "sales" })),
  );
  const [job, ...others] = added.flatMap((one) => (one.added ? [one.job] : []));
  expect(others).toEqual([]);
  const work = guard.processor(() => "built");
  const worker = guard.attach(
    new bullmq.Worker(queue.name, work, { connection: bullmq.createNodeRedisClient(forWorker) }),
  );
  await expect.poll(async () => job && (await queue.getJob(`${job.id}`))?.returnvalue).toBe("built");
  await expect.poll(async () => (await guard.inspect("sales", queue.name)).runs).toEqual([]);
  await worker.close();
  await queue.close();
  for (const client of clients) client.destroy();
});

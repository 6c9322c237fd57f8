import { usePostgres } from "@lock/postgres-harness/vitest";
import { createPostgresBackend, type Job, withBackend } from "bullmq";
import { expect, it } from "vitest";
import type { JobFacts } from "../src/index.ts";
import { useScene } from "./support/scene.ts";

/** Queues of BullMQ 6 that are kept in PostgreSQL; the locks are in Redis. */
const scene = useScene();
const postgres = usePostgres();
const { Queue, Worker } = withBackend(createPostgresBackend);
type Report = { report: string };
const key = ({ data }: JobFacts<Report>) => data.report;
const options = { strategy: "until-executed", scope: "postgres", key } as const;

function open() {
  const connection = { connectionString: postgres.connectionString, migrate: true };
  const [queue, other] = [scene.name(), scene.name()].map((name) => new Queue<Report>(name, { connection }));
  if (queue === undefined || other === undefined) throw new Error("two queues were made");
  const close = async () => void (await Promise.all([queue.close(), other.close()]));
  return { connection, queue, other, [Symbol.asyncDispose]: close };
}

it("a claim ends with its job, whatever became of its key", async () => {
  await using scenery = open();
  const { connection, queue, other } = scenery;
  const guard = scene.guard(options);
  const next = scene.guard({ ...options, key: { hash: "data" } });
  const added = await guard.add(queue, "build", { report: "sales" }, { attempts: 2 });
  expect(await scene.guard(options).add(other, "build", { report: "sales" })).toEqual({
    added: false,
    existing: { queue: queue.name, jobId: added.added && added.job.id },
  });
  const work = next.processor(async (job: Job<Report>) => {
    await job.updateData({ report: "other" });
    if (job.attemptsStarted === 1) throw new Error("again");
  });
  const worker = new Worker<Report>(queue.name, work, { connection });
  await expect.poll(() => added.added && added.job.getState()).toBe("completed");
  expect((await guard.inspect("sales")).claim).toBeUndefined();
  await worker.close();
});

it("a job that ended without a guard frees its key; one that is missing says nothing there", async () => {
  await using scenery = open();
  const { connection, queue, other } = scenery;
  const [guard, stranger] = [scene.guard(options), scene.guard(options)];
  const [one, two] = [{ report: "completed" }, { report: "removed" }];
  const first = await guard.add(queue, "build", one);
  const worker = new Worker<Report>(queue.name, async () => "built", { connection });
  await expect.poll(() => first.added && first.job.getState()).toBe("completed");
  await worker.close();
  expect(await stranger.add(other, "build", one)).toMatchObject({ added: true });
  const second = await guard.add(queue, "build", two);
  if (second.added) await second.job.remove();
  expect(await stranger.add(other, "build", two)).toMatchObject({ added: false });
  expect(await guard.add(queue, "build", two)).toMatchObject({ added: true });
});

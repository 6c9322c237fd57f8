import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import type { Job, Queue } from "bullmq";
import { describe, it } from "vitest";
import type { GuardOptions, JobFacts } from "../src/index.ts";
import { countOver, told } from "./support/events.ts";
import { type Bullmq, majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

/** The key of a job may be another one by the time of its run: what its `add` claimed is remembered by the job. */
const scene = useScene();
type Report = { report: string };
type Options = Omit<GuardOptions<Report>, "locks">;
const key = ({ data }: JobFacts<Report>) => data.report;
let reports = 0;
const newReport = () => ({ report: `remembered ${++reports}` });

/** A way for a key to change between the `add` and the end. */
interface Way {
  readonly name: string;
  /** What the worker's release of the guard has instead. */
  readonly worker?: Partial<Options>;
  /** Happens while the job waits. */
  readonly waits?: (queue: Queue, job: Job) => Promise<unknown>;
  /** Happens in the first run, which then fails. */
  readonly fails?: (job: Job<Report>) => Promise<unknown>;
  readonly jobId?: string;
}

const later = { worker: { key: ({ data }: JobFacts<Report>) => `next:${data.report}` } };
const WAYS: readonly Way[] = [
  { name: "nothing changes" },
  { name: "the worker is of a release with another key function", ...later },
  { name: "the worker hashes the data", worker: { key: { hash: "data" } } },
  {
    name: "the worker's key function refuses the data",
    worker: {
      key: () => {
        throw new Error("data of an older release");
      },
    },
  },
  { name: "the worker's guard has another scope", worker: { scope: "next scope" } },
  { name: "the worker's guard has another window", worker: { window: 1_000 } },
  { name: "updateData in a run, before the retry", fails: (job) => job.updateData({ report: "other" }) },
  {
    name: "another process changes the data of a job that waits",
    waits: async (queue, job) => (await queue.getJob(`${job.id}`))?.updateData({ report: "other" }),
  },
  {
    name: "a program without BullMQ writes the data",
    waits: (queue, job) => scene.redis.hset(queue.toKey(`${job.id}`), "data", '{"report":"other"}'),
  },
  { name: "another key function, and an id of the producer's", jobId: "mine", ...later },
];

/** Until when a job whose key changed that way keeps others out. */
async function endOf(bullmq: Bullmq, strategy: GuardOptions["strategy"], way: Way) {
  const options: Options = { strategy, key, scope: `remembered ${way.name}` };
  const [producer, stranger] = [scene.guard(options), scene.guard(options)];
  const worker = scene.guard({ ...options, ...way.worker });
  const [queue, other] = [scene.queue(bullmq), scene.queue(bullmq)];
  const report = newReport();
  const added = await producer.add(queue, "build", report, {
    ...(way.fails && { attempts: 2, backoff: 10 }),
    ...(way.jobId && { jobId: way.jobId }),
  });
  if (!added.added) throw new Error("the first job of a key was refused");
  await way.waits?.(queue, added.job);
  const events = told(worker);
  let runs = 0;
  const work = worker.processor(async (job: Job<Report>) => {
    runs += 1;
    if (runs > 1 || way.fails === undefined) return;
    await way.fails(job);
    throw new Error("again");
  });
  await scene.worker(bullmq, queue.name, work);
  await expect.poll(() => countOver(queue)).toEqual({ completed: 1, failed: 0 });
  const { claim } = await producer.inspect(report.report);
  return { claim, next: await stranger.add(other, "build", report), events };
}

describe.concurrent.each(newestOrOlder(majors))("$name", ({ bullmq }) => {
  const cases = (["until-executing", "until-executed", "until-and-while-executing"] as const).flatMap(
    (strategy) => WAYS.map((way) => [strategy, way.name, way] as const),
  );
  it.each(cases)("%s: a claim ends with its job, where %s", async (strategy, _, way) => {
    const { claim, next, events } = await endOf(bullmq, strategy, way);
    expect(claim).toBeUndefined();
    expect(next).toMatchObject({ added: true });
    expect(events).toEqual([]);
  });

  it.each(WAYS.map((way) => [way.name, way] as const))(
    "until-expired: a window lasts, where %s",
    async (name, way) => {
      const window = 60_000;
      const { window: _, ...worker } = way.worker ?? {};
      const options: Options = { strategy: "until-expired", key, window, scope: `lasts ${name}` };
      const [producer, stranger] = [scene.guard(options), scene.guard({ ...options, ...worker })];
      const queue = scene.queue(bullmq);
      const report = newReport();
      await producer.add(queue, "build", report, way.jobId === undefined ? {} : { jobId: way.jobId });
      await scene.worker(
        bullmq,
        queue.name,
        stranger.processor(() => "built"),
      );
      await expect.poll(() => countOver(queue)).toEqual({ completed: 1, failed: 0 });
      expect(await producer.add(scene.queue(bullmq), "build", report)).toMatchObject({ added: false });
    },
  );

  it("a run is named by the key of the add: a run that stalled is not walked into with another key", async () => {
    const options: Options = {
      strategy: "until-and-while-executing",
      key,
      reschedule: { min: 20, max: 100 },
    };
    const [guard, next] = [scene.guard(options), scene.guard({ ...options, ...later.worker })];
    const queue = scene.queue(bullmq);
    const report = newReport();
    const [begun, go] = [gate(), gate()];
    let running = 0;
    let most = 0;
    const work = async (job: Job<Report>) => {
      most = Math.max(most, ++running);
      if (job.attemptsStarted === 1) {
        await job.updateData({ report: "other" });
        begun.open();
        await go.opened;
      }
      running -= 1;
    };
    const stalling = { stalledInterval: 300, maxStalledCount: 5, lockDuration: 1_000, lockRenewTime: 60_000 };
    await scene.worker(bullmq, queue.name, guard.processor(work), stalling);
    const added = await guard.add(queue, "build", report);
    await begun.opened;
    const rescheduled = new Promise((resolve) => next.on("rescheduled", resolve));
    await scene.worker(bullmq, queue.name, next.processor(work), stalling);
    await rescheduled;
    const jobId = added.added && added.job.id;
    expect((await guard.inspect(report.report, queue.name)).runs).toMatchObject([{ jobId }]);
    go.open();
    await expect.poll(() => countOver(queue), { timeout: 20_000 }).toEqual({ completed: 1, failed: 0 });
    expect(most).toBe(1);
  });

  it("a job that was copied with its options ends no claim but its own", async () => {
    const guard = scene.guard({ strategy: "until-executed", key, scope: "copies" });
    const [queue, dead] = [scene.queue(bullmq), scene.queue(bullmq)];
    const report = newReport();
    const added = await guard.add(queue, "build", report, { delay: 60_000 });
    if (!added.added) throw new Error("the first job of a key was refused");
    const { name, data, opts } = added.job;
    await dead.add(name, data, { ...opts, delay: 0 });
    await queue.add(name, data, { ...opts, delay: 0, jobId: "copy" });
    for (const { name: queueName } of [queue, dead]) {
      await scene.worker(
        bullmq,
        queueName,
        guard.processor(() => "built"),
      );
    }
    for (const one of [queue, dead]) await expect.poll(() => countOver(one)).toMatchObject({ completed: 1 });
    expect((await guard.inspect(report.report)).claim).toMatchObject({ jobId: added.job.id });
  });

  it("jobs that no guard has added run as before", async () => {
    const guard = scene.guard({ strategy: "until-executed", key });
    const queue = scene.queue(bullmq);
    const report = newReport();
    await guard.add(queue, "build", report, { delay: 60_000 });
    await queue.add("build", report);
    await queue.add("build", report, { guard: { v: 2, token: 7 } } as object);
    await queue.add("build", report, { guard: "mine" } as object);
    await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    await expect.poll(() => countOver(queue)).toEqual({ completed: 3, failed: 0 });
    expect((await guard.inspect(report.report, queue.name)).claim).toBeDefined();
  });
});

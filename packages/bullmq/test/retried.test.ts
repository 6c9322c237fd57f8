import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import { type Job, UnrecoverableError } from "bullmq";
import { describe, it } from "vitest";
import { type GuardOptions, guardJobs, type JobFacts, type Strategy } from "../src/index.ts";
import { countOver, finished, told } from "./support/events.ts";
import { majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

/** Jobs that run again beside a newer one, guards of two strategies on one queue, delays, long keys and deep data. */
const scene = useScene();
type Report = { report: string };
const key = ({ data }: JobFacts<Report>) => data.report;
const reschedule = { min: 20, max: 100 };
let reports = 0;
const newReport = () => ({ report: `retried ${++reports}` });
const deep = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));

describe.concurrent.each(newestOrOlder(majors))("$name: until-executed", ({ bullmq }) => {
  it.each([
    ["failed", {}, (job: Job) => job.retry("failed")],
    ["failed for good", { attempts: 5 }, (job: Job) => job.retry("failed")],
    [
      "failed, and whose counters are set back",
      {},
      (job: Job) => job.retry("failed", { resetAttemptsMade: true, resetAttemptsStarted: true }),
    ],
    ["was completed", {}, (job: Job) => job.retry("completed")],
  ] as const)("a retry of a job that %s waits for a newer one of its key", async (how, jobOptions, retry) => {
    const guard = scene.guard({ strategy: "until-executed", key, reschedule });
    const queue = scene.queue(bullmq);
    const report = newReport();
    const [begun, go] = [gate(), gate()];
    const runs: string[] = [];
    let running = 0;
    let most = 0;
    const work = guard.processor(async (job) => {
      runs.push(`${job.id}`);
      most = Math.max(most, ++running);
      if (runs.length === 2) {
        begun.open();
        await go.opened;
      }
      running -= 1;
      if (runs.length === 1 && how !== "was completed") throw new UnrecoverableError("no");
    });
    const worker = await scene.worker(bullmq, queue.name, work, { concurrency: 3 });
    const done = finished(worker);
    const first = await guard.add(queue, "build", report, jobOptions);
    await Promise.race([done, expect.poll(() => queue.getFailedCount()).toBe(1)]);
    const second = await guard.add(queue, "build", report);
    await begun.opened;
    const rescheduled = new Promise((resolve) => guard.on("rescheduled", resolve));
    const job = first.added ? await queue.getJob(`${first.job.id}`) : undefined;
    if (job === undefined) throw new Error("the first job of a key is gone");
    await retry(job);
    await rescheduled;
    go.open();
    await expect.poll(() => countOver(queue), { timeout: 20_000 }).toEqual({ completed: 2, failed: 0 });
    expect(most).toBe(1);
    expect(runs).toEqual([job.id, second.added && second.job.id, job.id]);
    expect((await guard.inspect(report.report, queue.name)).claim).toBeUndefined();
  });

  it("a retry of a job claims its key again", async () => {
    const guard = scene.guard({ strategy: "until-executed", key });
    const queue = scene.queue(bullmq);
    const report = newReport();
    const [begun, go] = [gate(), gate()];
    const work = guard.processor(async (job) => {
      if (job.attemptsStarted === 1) throw new Error("no");
      begun.open();
      await go.opened;
    });
    const worker = await scene.worker(bullmq, queue.name, work);
    const failed = finished(worker);
    await guard.add(queue, "build", report);
    const job = await failed;
    await job.retry();
    await begun.opened;
    const existing = { queue: queue.name, jobId: job.id };
    expect(await guard.add(queue, "build", report)).toEqual({ added: false, existing });
    go.open();
    await expect.poll(() => countOver(queue)).toEqual({ completed: 1, failed: 0 });
    expect(await guard.add(queue, "build", report)).toMatchObject({ added: true });
  });
});

describe.concurrent.each(newestOrOlder(majors))(
  "$name: guards of two strategies on one queue",
  ({ bullmq }) => {
    const make = (strategy: Strategy, more: Partial<GuardOptions<Report>> = {}) =>
      scene.guard<Report>({
        strategy,
        key,
        ...(strategy === "until-expired" && { window: 60_000 }),
        ...(strategy === "until-and-while-executing" && { reschedule }),
        ...more,
      });

    it.each([
      ["until-executing", {}],
      ["until-executing", { onConflict: { enqueue: "keep-latest" } }],
      ["until-executing", { onConflict: { enqueue: "replace" } }],
      ["until-expired", {}],
      ["until-and-while-executing", {}],
    ] as const)(
      "%s %j: a running job that is claimed until it is executed keeps others out",
      async (other, more) => {
        const [guard, second] = [make("until-executed"), make(other, more)];
        const queue = scene.queue(bullmq);
        const report = newReport();
        const [begun, go] = [gate(), gate()];
        const work = guard.processor(async () => {
          begun.open();
          await go.opened;
        });
        await scene.worker(bullmq, queue.name, work);
        const first = await guard.add(queue, "build", report);
        await begun.opened;
        const existing = { queue: queue.name, jobId: first.added && first.job.id };
        expect(await second.add(queue, "build", report)).toEqual({ added: false, existing });
        go.open();
        await expect.poll(() => countOver(queue)).toEqual({ completed: 1, failed: 0 });
        expect(await second.add(queue, "build", report)).toMatchObject({ added: true });
      },
    );

    it.each(["until-executing", "until-executed", "until-and-while-executing", "while-executing"] as const)(
      "the worker's is %s: each claim ends as it was made",
      async (strategy) => {
        const worker = make(strategy);
        for (const made of ["until-executing", "until-executed", "until-expired"] as const) {
          const guard = make(made);
          const queue = scene.queue(bullmq);
          const report = newReport();
          const claimed: boolean[] = [];
          const look = async () =>
            void claimed.push((await guard.inspect(report.report, queue.name)).claim !== undefined);
          await scene.worker(bullmq, queue.name, worker.processor(look));
          await guard.add(queue, "build", report);
          await expect.poll(() => countOver(queue)).toEqual({ completed: 1, failed: 0 });
          await look();
          expect([made, ...claimed]).toEqual([made, made !== "until-executing", made === "until-expired"]);
        }
      },
    );
  },
);

describe.concurrent.each(newestOrOlder(majors))("$name", ({ bullmq }) => {
  it("a claim outlasts the delay of its job, also a delay of the queue's defaults", async () => {
    const window = 300;
    const guard = scene.guard({ strategy: "until-executed", key, window });
    const shared = scene.guard({ strategy: "until-executed", key, window, scope: "delays" });
    const defaults = { defaultJobOptions: { delay: 60_000 } };
    for (const [one, queue, delay] of [
      [guard, scene.queue(bullmq), { delay: 60_000 }],
      [guard, scene.queue(bullmq, undefined, defaults), {}],
      [shared, scene.queue(bullmq), { delay: 60_000 }],
    ] as const) {
      const report = newReport();
      await one.add(queue, "build", report, delay);
      const { claim } = await one.inspect(report.report, queue.name);
      expect(claim?.remaining).toBeGreaterThan(55_000);
      await one.addBulk(queue, [{ name: "build", data: newReport(), opts: delay }]);
    }
  });

  it("a delay that no claim can outlast is refused, and nothing is added", async () => {
    const queue = scene.queue(bullmq);
    const options = { key, scope: "delays" };
    const opts = { delay: 86_400_000 };
    for (const strategy of ["until-executing", "until-executed", "until-and-while-executing"] as const) {
      const guard = scene.guard({ ...options, strategy });
      const report = newReport();
      const refused = { code: "LOCK_USAGE", message: expect.stringMatching(/delay.*86400000.*maxTtl/) };
      await expect(guard.add(queue, "build", report, opts)).rejects.toMatchObject(refused);
      await expect(guard.addBulk(queue, [{ name: "build", data: report, opts }])).rejects.toMatchObject(
        refused,
      );
      expect((await guard.inspect(report.report)).claim).toBeUndefined();
    }
    const windowed = scene.guard({ ...options, strategy: "until-expired", window: 1_000 });
    expect(await windowed.add(queue, "build", newReport(), opts)).toMatchObject({ added: true });
    expect(await queue.getJobCountByTypes("delayed")).toBe(1);
  });

  it.each(["until-executed", "while-executing", "until-and-while-executing"] as const)(
    "%s: a key of more than 512 bytes works, from the add to the end",
    async (strategy) => {
      const guard = scene.guard({ strategy, key, scope: "long keys" });
      const queue = scene.queue(bullmq);
      const claims = strategy !== "while-executing";
      for (const letter of ["x", "ö", "€", "🔒"]) {
        const report = { report: `${newReport().report} ${letter.repeat(600)}` };
        const [begun, go] = [gate(), gate()];
        const work = guard.processor(async () => {
          begun.open();
          await go.opened;
        });
        expect(await guard.add(queue, "build", report)).toMatchObject({ added: true });
        const other = await guard.add(queue, "build", { report: `${report.report}.` }, { delay: 60_000 });
        expect(other).toMatchObject({ added: true });
        if (claims) expect(await guard.add(queue, "build", report)).toMatchObject({ added: false });
        expect((await guard.inspect(report.report)).claim !== undefined).toBe(claims);
        const worker = await scene.worker(bullmq, queue.name, work);
        const done = finished(worker);
        await begun.opened;
        expect((await guard.inspect(report.report)).runs).toHaveLength(
          claims && strategy === "until-executed" ? 0 : 1,
        );
        go.open();
        expect((await done).failedReason).toBeUndefined();
        await worker.close();
        expect(await guard.inspect(report.report)).toEqual({ claim: undefined, runs: [] });
        expect(await guard.release(`${report.report}.`)).toBe(claims);
      }
    },
  );

  it("data of 3,000 levels has a hash, and the worker makes the same one", async () => {
    const queue = scene.queue(bullmq);
    for (const strategy of ["until-executed", "while-executing"] as const) {
      const guard = scene.guard({ strategy, key: { hash: "data" } });
      const events = told(guard);
      const worker = await scene.worker(
        bullmq,
        queue.name,
        guard.processor(() => "built"),
      );
      const done = finished(worker);
      expect(await guard.add(queue, "build", deep(3_000))).toMatchObject({ added: true });
      expect((await done).returnvalue).toBe("built");
      expect(events).toEqual([]);
      await worker.close();
    }
  });
});

it("data that JSON cannot keep for its depth is refused in words", async () => {
  const guard = guardJobs({ locks: scene.locks, strategy: "until-executed", key: { hash: "data" } });
  const [major] = majors;
  if (major === undefined) throw new Error("no BullMQ to test with");
  const adding = guard.add(scene.queue(major.bullmq), "build", deep(100_000));
  await expect(adding).rejects.toMatchObject({
    code: "LOCK_USAGE",
    message: expect.stringContaining("JSON"),
  });
});

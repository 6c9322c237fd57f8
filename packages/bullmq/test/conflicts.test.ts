import { once } from "node:events";
import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import { DelayedError, type Job } from "bullmq";
import { describe, it } from "vitest";
import { guardJobs, type JobFacts, type RunContext } from "../src/index.ts";
import { countOver, finished, told } from "./support/events.ts";
import { before } from "./support/intercept.ts";
import { majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

/** What becomes of a job whose key is busy when it is to run. */
const scene = useScene();
const key = ({ data }: JobFacts<{ report: string }>) => data.report;
let reports = 0;
const newReport = () => ({ report: `conflict ${++reports}` });
const soon = { min: 20, max: 100 };

describe.concurrent.each(newestOrOlder(majors))("$name", ({ bullmq }) => {
  /** A queue whose only job finds its key busy, and a worker that has not begun. */
  const busy = async (options: Partial<Parameters<typeof scene.guard>[0]>, jobOptions: object = {}) => {
    const report = newReport();
    const guard = scene.guard({ strategy: "while-executing", key, ...options } as Parameters<
      typeof scene.guard
    >[0]);
    const queue = scene.queue(bullmq);
    const runKey = `run:queue=${queue.name}:${report.report}`;
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
      { autorun: false },
    );
    return { report, guard, queue, runKey, worker, add: () => guard.add(queue, "build", report, jobOptions) };
  };
  const idOf = async (adding: Promise<{ added: boolean; job?: Job }>) => `${(await adding).job?.id}`;

  it.each(["complete", "fail", () => "complete" as const] as const)(
    "%s: a job whose own earlier run still holds the key waits for it: nobody else does its work",
    async (execute) => {
      const { guard, queue, runKey, worker, add } = await busy({ onConflict: { execute }, reschedule: soon });
      const jobId = await idOf(add());
      const dead = await scene.locks.acquire(runKey, { meta: { queue: queue.name, jobId } });
      const rescheduled = new Promise((resolve) => guard.on("rescheduled", resolve));
      const done = finished(worker);
      void worker.run();
      await rescheduled;
      await dead.release();
      expect(await done).toMatchObject({ id: jobId, returnvalue: "built", attemptsMade: 1 });
    },
  );

  it.each(["complete", "fail"] as const)(
    "%s: a job that is over without work keeps nobody out",
    async (execute) => {
      const { report, guard, queue, runKey, worker, add } = await busy({
        strategy: "until-and-while-executing",
        scope: "services",
        onConflict: { execute },
      });
      const lease = await scene.locks.acquire(runKey.replace(`queue=${queue.name}`, "scope=services"));
      await add();
      void worker.run();
      await expect.poll(async () => Object.values(await countOver(queue)).includes(1)).toBe(true);
      await expect.poll(async () => (await guard.inspect(report.report)).claim).toBeUndefined();
      await lease.release();
    },
  );

  it("is put off longer each time, until its delays add up to the deadline, however old it was", async () => {
    const { guard, runKey, worker, add } = await busy(
      { reschedule: { min: 20, max: 100, jitter: 0, deadline: 300 } },
      { timestamp: Date.now() - 86_400_000 },
    );
    const lease = await scene.locks.acquire(runKey);
    const delays: number[] = [];
    guard.on("rescheduled", ({ delay }) => delays.push(delay));
    const failed = once(worker, "failed");
    await add();
    void worker.run();
    const [, error] = await failed;
    expect(delays).toEqual([20, 40, 80, 100, 100]);
    expect(error.message).toMatch(/is busy, and job \d+ gives up after 5 delays of about 340 ms in all/);
    await lease.release();
  });

  it("is not completed for a holder that is gone when it is looked for", async () => {
    const report = newReport();
    const queue = scene.queue(bullmq);
    const lease = await scene.locks.acquire(`run:queue=${queue.name}:${report.report}`);
    const guard = guardJobs({
      locks: before(scene.locks, "inspect", () => lease.release()),
      strategy: "while-executing",
      key,
      onConflict: { execute: "complete" },
      reschedule: soon,
    });
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    const done = finished(worker);
    await queue.add("build", report);
    expect((await done).returnvalue).toBe("built");
  });

  it("fails with what a function gave that is no choice", async () => {
    const wrong = (async () => "complete") as unknown as () => "complete";
    const { runKey, worker, add } = await busy({ onConflict: { execute: wrong } });
    const lease = await scene.locks.acquire(runKey);
    const done = finished(worker);
    await add();
    void worker.run();
    expect((await done).failedReason).toMatch(
      /must give reschedule, complete, fail, cancel-holder, and no promise/,
    );
    await lease.release();
  });

  it("says why it was cancelled while it waited", async () => {
    const { runKey, worker, add } = await busy({ wait: "forever" });
    const lease = await scene.locks.acquire(runKey);
    const done = finished(worker);
    const jobId = await idOf(add());
    void worker.run();
    await expect.poll(async () => (await scene.locks.inspect(runKey))?.waiting).toBe(1);
    worker.cancelJob(jobId, "the user left");
    expect((await done).failedReason).toContain("the user left");
    await lease.release();
  });

  it("cancel-holder: one that is cancelled before it began is tried again, and none is lost", async () => {
    const guard = scene.guard({
      strategy: "while-executing",
      key,
      onConflict: { execute: "cancel-holder" },
      ttl: 1_500,
      reschedule: soon,
    });
    const queue = scene.queue(bullmq);
    const report = newReport();
    const begun = gate();
    const built: string[] = [];
    const work = guard.processor(async (job: Job<{ name: string; stops?: boolean }>, { signal }) => {
      begun.open();
      if (job.data.stops) await once(signal, "abort");
      built.push(job.data.name);
    });
    await scene.worker(bullmq, queue.name, work, { concurrency: 3 });
    await queue.add("build", { ...report, name: "first", stops: true });
    await begun.opened;
    // Both cancel whom they meet: at least one of them is cancelled by the other while it waits for its turn.
    await queue.addBulk(["second", "third"].map((name) => ({ name: "build", data: { ...report, name } })));
    await expect.poll(() => countOver(queue), { timeout: 20_000 }).toEqual({ completed: 3, failed: 0 });
    expect(built.toSorted()).toEqual(["first", "second", "third"]);
  });

  it("cancel-holder: a job that was started before cancels nobody, who might have cancelled it", async () => {
    const guard = scene.guard({
      strategy: "while-executing",
      key,
      onConflict: { execute: "cancel-holder" },
      reschedule: soon,
    });
    const queue = scene.queue(bullmq);
    const report = newReport();
    const put = gate();
    const work = guard.processor(async (job, { token }) => {
      if (job.attemptsStarted > 1) return "built";
      await job.moveToDelayed(Date.now() + 1_500, token);
      put.open();
      throw new DelayedError();
    });
    const worker = await scene.worker(bullmq, queue.name, work);
    const done = finished(worker);
    await queue.add("build", report);
    await put.opened;
    const lease = await scene.locks.acquire(`run:queue=${queue.name}:${report.report}`);
    const events = told(guard);
    await expect.poll(() => events.length).toBeGreaterThan(0);
    expect(events[0]?.[0]).toBe("rescheduled");
    await lease.extend();
    await lease.release();
    expect((await done).returnvalue).toBe("built");
  });

  it("cancel-holder: where several may run, one is cancelled", async () => {
    const guard = scene.guard({
      strategy: "while-executing",
      key,
      limit: 2,
      onConflict: { execute: "cancel-holder" },
      ttl: 1_500,
    });
    const queue = scene.queue(bullmq);
    const report = newReport();
    const go = gate();
    const runs: RunContext[] = [];
    const work = guard.processor(async (_job, context) => {
      runs.push(context);
      if (runs.length <= 2) await go.opened;
    });
    await scene.worker(bullmq, queue.name, work, { concurrency: 3 });
    const jobs = await queue.addBulk([1, 2].map(() => ({ name: "build", data: report })));
    await expect.poll(() => runs.length).toBe(2);
    const third = await queue.add("build", report);
    await expect.poll(() => third.getState(), { timeout: 10_000 }).toBe("completed");
    expect(runs.filter(({ signal }) => signal.aborted)).toHaveLength(1);
    go.open();
    for (const job of jobs) await expect.poll(() => job.getState()).toBe("completed");
  });

  it("cancel-holder: one that is cancelled before it began leaves the key to nobody who may not have it yet", async () => {
    const guard = scene.guard({
      strategy: "while-executing",
      key,
      onConflict: { execute: "cancel-holder" },
      ttl: 20_000,
    });
    const queue = scene.queue(bullmq);
    const report = newReport();
    const runKey = `run:queue=${queue.name}:${report.report}`;
    const go = gate();
    const work = guard.processor(async () => {
      await go.opened;
    });
    const worker = await scene.worker(bullmq, queue.name, work, { concurrency: 2 });
    const holder = async () => (await scene.locks.inspect(runKey))?.holders[0]?.meta.jobId;
    const first = await queue.add("build", report);
    await expect.poll(holder).toBe(first.id);
    const second = await queue.add("build", report);
    await expect.poll(holder).toBe(second.id);
    const failed = once(worker, "failed");
    worker.cancelJob(`${second.id}`, "enough");
    await failed;
    // The first one may still believe that it holds the key.
    expect(await scene.locks.tryAcquire(runKey)).toBeNull();
    go.open();
    await expect.poll(() => countOver(queue)).toEqual({ completed: 1, failed: 1 });
  });

  it("a lost lock of BullMQ stops the run of that queue only", async () => {
    const guard = scene.guard({ strategy: "while-executing", key });
    const [one, two] = [scene.queue(bullmq), scene.queue(bullmq)];
    const go = gate();
    const runs = new Map<string, RunContext>();
    const work = guard.processor(async (job, context) => {
      runs.set(job.queueName, context);
      await go.opened;
    });
    const worker = guard.attach(await scene.worker(bullmq, one.name, work));
    guard.attach(await scene.worker(bullmq, two.name, work));
    for (const queue of [one, two]) await queue.add("build", newReport(), { jobId: "same" });
    await expect.poll(() => runs.size).toBe(2);
    const events = told(guard);
    worker.emit("lockRenewalFailed", ["same"]);
    expect(runs.get(one.name)?.signal.aborted).toBe(true);
    expect(runs.get(two.name)?.signal.aborted).toBe(false);
    expect(events).toMatchObject([["lost", { job: { queue: one.name, jobId: "same" } }]]);
    go.open();
    await expect.poll(() => countOver(two)).toEqual({ completed: 1, failed: 0 });
  });
});

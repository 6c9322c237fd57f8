import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import type { Job, Queue } from "bullmq";
import { describe, it } from "vitest";
import { guardJobs, type JobFacts, type JobGuard } from "../src/index.ts";
import { countOver, finished, next, told } from "./support/events.ts";
import { around, before } from "./support/intercept.ts";
import { majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

/** What `add` does while a job of the key runs, or is about to. */
const scene = useScene();
const key = ({ data }: JobFacts<{ report: string }>) => data.report;
let reports = 0;
const newReport = () => ({ report: `both ${++reports}` });
const soon = { min: 20, max: 100 };
const rescheduled = (guard: JobGuard) =>
  next((listener: (event: unknown) => void) => guard.on("rescheduled", listener));

/** The same queue, but what it tells of a job is not quite so any more. */
function withJobs(queue: Queue, change: (job: Job) => Job): Queue {
  return around(queue, "getJob", async (getJob) => {
    const job = (await getJob()) as Job | undefined;
    return job && change(job);
  });
}

describe.concurrent.each(newestOrOlder(majors))("$name", ({ bullmq }) => {
  it("until-and-while-executing: one job runs and one waits, for guards that never saw its queue, too", async () => {
    const report = newReport();
    const options = {
      strategy: "until-and-while-executing",
      key,
      scope: "services",
      reschedule: soon,
    } as const;
    const [guard, stranger] = [scene.guard(options), scene.guard(options)];
    const [mine, theirs] = [scene.queue(bullmq), scene.queue(bullmq)];
    const [begun, go] = [gate(), gate()];
    const runs: string[] = [];
    const work = guard.processor(async (job) => {
      runs.push(`${job.id}`);
      begun.open();
      await go.opened;
    });
    const first = await guard.add(mine, "build", report);
    expect(await stranger.add(theirs, "build", report)).toMatchObject({ added: false });
    await scene.worker(bullmq, mine.name, work);
    await begun.opened;
    const events = told(stranger);
    const second = await stranger.add(theirs, "build", report);
    expect(second).toMatchObject({ added: true });
    const existing = { queue: theirs.name, jobId: second.added && second.job.id };
    const busy = rescheduled(guard);
    await scene.worker(bullmq, theirs.name, work);
    await busy;
    // It has begun and found its key busy: it waits, and its claim stands.
    expect(await stranger.add(theirs, "build", report)).toEqual({ added: false, existing });
    expect(events.filter(([name]) => name !== "duplicate")).toEqual([]);
    go.open();
    await expect.poll(() => countOver(theirs), { timeout: 20_000 }).toEqual({ completed: 1, failed: 0 });
    expect(runs).toEqual([first.added && first.job.id, existing.jobId]);
    expect((await guard.inspect(report.report)).claim).toBeUndefined();
  });

  it("until-and-while-executing: refuses nobody for a run that had begun, and is over when it is looked for", async () => {
    const report = newReport();
    const queue = scene.queue(bullmq);
    const options = { strategy: "until-and-while-executing", key, reschedule: soon } as const;
    const guard = scene.guard(options);
    const [begun, go] = [gate(), gate()];
    const work = guard.processor(async () => {
      begun.open();
      await go.opened;
    });
    const worker = await scene.worker(bullmq, queue.name, work);
    await guard.add(queue, "build", report);
    await begun.opened;
    const runKey = `run:queue=${queue.name}:${report.report}`;
    let state = "";
    // The run ends between two looks of the other one, who hears of BullMQ what was so before.
    const locks = around(scene.locks, "inspect", async (inspect, name) => {
      if (name === runKey && state === "") {
        state = "active";
        const done = finished(worker);
        go.open();
        await done;
        await worker.pause();
      }
      return inspect();
    });
    const stale = withJobs(queue, (job) => {
      return new Proxy(job, {
        get: (target, name) => (name === "getState" ? async () => state : Reflect.get(target, name, target)),
      });
    });
    expect(await guardJobs({ ...options, locks }).add(stale, "build", report)).toMatchObject({ added: true });
    expect(await queue.getJobCountByTypes("wait")).toBe(1);
  });

  it("until-and-while-executing: a job that waits for its key in a worker still keeps others out", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-and-while-executing", key, wait: "forever" });
    const queue = scene.queue(bullmq);
    const runKey = `run:queue=${queue.name}:${report.report}`;
    const lease = await scene.locks.acquire(runKey);
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    const done = finished(worker);
    const first = await guard.add(queue, "build", report);
    await expect.poll(async () => (await scene.locks.inspect(runKey))?.waiting).toBe(1);
    const existing = { queue: queue.name, jobId: first.added && first.job.id };
    expect(await guard.add(queue, "build", report)).toEqual({ added: false, existing });
    await lease.release();
    expect((await done).returnvalue).toBe("built");
  });

  it.each(["replace", "keep-latest"] as const)(
    "%s adds another job when the first has begun",
    async (enqueue) => {
      const report = newReport();
      const guard = scene.guard({ strategy: "until-executing", key, onConflict: { enqueue } });
      const queue = scene.queue(bullmq);
      const [begun, go] = [gate(), gate()];
      const built: unknown[] = [];
      const work = guard.processor(async ({ data }) => {
        built.push(data);
        begun.open();
        await go.opened;
      });
      await scene.worker(bullmq, queue.name, work, { concurrency: 2 });
      await guard.add(queue, "build", { ...report, version: 1 });
      await begun.opened;
      expect(await guard.add(queue, "build", { ...report, version: 2 })).toMatchObject({ added: true });
      go.open();
      await expect.poll(() => countOver(queue), { timeout: 10_000 }).toEqual({ completed: 2, failed: 0 });
      expect(built).toEqual([1, 2].map((version) => ({ ...report, version })));
    },
  );

  it("keep-latest adds another job when the first begins before its payload could be changed", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-executing", key, onConflict: { enqueue: "keep-latest" } });
    const queue = scene.queue(bullmq);
    const built: unknown[] = [];
    const work = guard.processor(({ data }) => built.push(data));
    const worker = await scene.worker(bullmq, queue.name, work, { autorun: false });
    await guard.add(queue, "build", { ...report, version: 1 });
    const slow = withJobs(queue, (job) => {
      return before(job, "updateData", async () => {
        const done = finished(worker);
        void worker.run();
        await done;
      });
    });
    expect(await guard.add(slow, "build", { ...report, version: 2 })).toMatchObject({ added: true });
    await expect.poll(() => built).toEqual([1, 2].map((version) => ({ ...report, version })));
  });

  it("keep-latest adds another job when the first is gone before its payload could be changed", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-executing", key, onConflict: { enqueue: "keep-latest" } });
    const queue = scene.queue(bullmq);
    await guard.add(queue, "build", { ...report, version: 1 });
    const slow = withJobs(queue, (job) => before(job, "updateData", () => job.remove()));
    expect(await guard.add(slow, "build", { ...report, version: 2 })).toMatchObject({ added: true });
    expect((await queue.getJobs()).map(({ data }) => data.version)).toEqual([2]);
  });

  it("replace adds another job when the first begins before it could be removed", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-executing", key, onConflict: { enqueue: "replace" } });
    const queue = scene.queue(bullmq);
    const [begun, go] = [gate(), gate()];
    const work = guard.processor(async () => {
      begun.open();
      await go.opened;
    });
    const worker = await scene.worker(bullmq, queue.name, work, { autorun: false });
    await guard.add(queue, "build", report);
    const begin = async () => {
      void worker.run();
      await begun.opened;
    };
    const slow = withJobs(queue, (job) => before(job, "remove", begin));
    expect(await guard.add(slow, "build", report)).toMatchObject({ added: true });
    go.open();
    await expect.poll(() => countOver(queue), { timeout: 10_000 }).toEqual({ completed: 2, failed: 0 });
  });

  it("a job runs only where its queue is the one that runs it: ids are of a queue", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-and-while-executing", key, scope: "ids" });
    const queue = scene.queue(bullmq);
    const meta = { queue: "another one", jobId: "same" };
    const lease = await scene.locks.acquire(`run:scope=ids:${report.report}`, { meta });
    await guard.add(queue, "build", report, { jobId: "same" });
    expect(await guard.add(queue, "build", report)).toMatchObject({ added: false });
    await lease.release();
  });

  it("a job with an id of its own ends no claim but its own", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-executed", key });
    const queue = scene.queue(bullmq);
    await guard.add(queue, "build", report, { jobId: "mine" });
    await guard.release(report.report, queue.name);
    const second = await guard.add(queue, "build", report, { delay: 60_000 });
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
      { autorun: false },
    );
    const done = finished(worker);
    void worker.run();
    expect((await done).id).toBe("mine");
    const { claim } = await guard.inspect(report.report, queue.name);
    expect(claim?.jobId).toBe(second.added && second.job.id);
  });

  it("replace leaves a job alone that runs, where the claim lasts until it is over", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-executed", key, onConflict: { enqueue: "replace" } });
    const queue = scene.queue(bullmq);
    const [begun, go] = [gate(), gate()];
    const work = guard.processor(async () => {
      begun.open();
      await go.opened;
    });
    const worker = await scene.worker(bullmq, queue.name, work);
    const done = finished(worker);
    const first = await guard.add(queue, "build", report);
    await begun.opened;
    expect(await guard.add(queue, "build", report)).toEqual({
      added: false,
      existing: { queue: queue.name, jobId: first.added && first.job.id },
    });
    go.open();
    expect((await done).failedReason).toBeUndefined();
  });

  it("never leaves out the child of a flow, also when it is added by itself", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-executed", key });
    const [queue, parents] = [scene.queue(bullmq), scene.queue(bullmq)];
    const { id = "" } = await parents.add("all", {}, { delay: 60_000 });
    const parent = { id, queue: parents.qualifiedName };
    await guard.add(queue, "build", report);
    expect(await guard.add(queue, "build", report, { parent })).toMatchObject({ added: true });
    expect(await queue.getJobCountByTypes("wait")).toBe(2);
  });

  it("cancel-holder waits its turn where somebody else was waiting for the key", async () => {
    const report = newReport();
    const guard = scene.guard({
      strategy: "while-executing",
      key,
      onConflict: { execute: "cancel-holder" },
      reschedule: soon,
    });
    const queue = scene.queue(bullmq);
    const runKey = `run:queue=${queue.name}:${report.report}`;
    await scene.locks.acquire(runKey);
    const waiting = scene.locks.acquire(runKey);
    await expect.poll(async () => (await scene.locks.inspect(runKey))?.waiting).toBe(1);
    const busy = rescheduled(guard);
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    const done = finished(worker);
    await queue.add("build", report);
    await busy;
    await (await waiting).release();
    expect(await done).toMatchObject({ returnvalue: "built", attemptsMade: 1 });
  });

  it("a job that may be started only so many times fails, visibly, when its key stays busy", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "while-executing", key, reschedule: { min: 1, max: 1 } });
    const queue = scene.queue(bullmq);
    const lease = await scene.locks.acquire(`run:queue=${queue.name}:${report.report}`);
    await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
      { maxStartedAttempts: 3 },
    );
    const job = await queue.add("build", report);
    await expect.poll(() => job.getState(), { timeout: 10_000 }).toBe("failed");
    expect((await queue.getJob(`${job.id}`))?.failedReason).toMatch(/started more than allowable limit/);
    await lease.release();
  });

  it("fails where a job cannot be put off", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "while-executing", key });
    const queue = scene.queue(bullmq);
    const lease = await scene.locks.acquire(`run:queue=${queue.name}:${report.report}`);
    const job = await queue.add("build", report);
    const events = told(guard);
    // Nobody has begun it: BullMQ refuses to move what is not active.
    await expect(guard.processor(() => "built")(job, "no token")).rejects.toThrow(/moveToDelayed/);
    expect(events).toEqual([]);
    await lease.release();
  });
});

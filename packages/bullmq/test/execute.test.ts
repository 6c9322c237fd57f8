import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, it } from "vitest";
import type { GuardEvents, JobFacts, RunContext } from "../src/index.ts";
import { countOver, finished, next, told } from "./support/events.ts";
import { majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
const key = ({ data }: JobFacts<{ report: string }>) => data.report;
let reports = 0;
const newReport = () => ({ report: `run ${++reports}` });
const soon = { min: 20, max: 100 };

describe.concurrent.each(newestOrOlder(majors))("$name: a worker", ({ bullmq }) => {
  it("runs jobs of one key one after the other, also of two queues, and counts no attempt", async () => {
    const guard = scene.guard({ strategy: "while-executing", key, scope: "global", reschedule: soon });
    const report = newReport();
    const [one, two] = [scene.queue(bullmq), scene.queue(bullmq)];
    let running = 0;
    let most = 0;
    const fences: (number | undefined)[] = [];
    const work = guard.processor(async (_job, { fencingToken }) => {
      most = Math.max(most, ++running);
      fences.push(fencingToken);
      await pause(5);
      running -= 1;
    });
    for (const queue of [one, two]) {
      await queue.addBulk(Array.from({ length: 10 }, () => ({ name: "build", data: report })));
      guard.attach(await scene.worker(bullmq, queue.name, work, { concurrency: 4 }));
    }
    for (const queue of [one, two]) {
      await expect.poll(() => countOver(queue), { timeout: 30_000 }).toEqual({ completed: 10, failed: 0 });
      const jobs = await queue.getJobs(["completed"]);
      expect(jobs.map(({ attemptsMade }) => attemptsMade)).toEqual(jobs.map(() => 1));
    }
    expect(most).toBe(1);
    expect(fences).toEqual(fences.toSorted((a, b) => Number(a) - Number(b)));
  });

  it("lets as many run as the limit says", async () => {
    const guard = scene.guard({ strategy: "while-executing", key, limit: 2, reschedule: soon });
    const queue = scene.queue(bullmq);
    let running = 0;
    let most = 0;
    const work = guard.processor(async () => {
      most = Math.max(most, ++running);
      await pause(30);
      running -= 1;
    });
    const report = newReport();
    await queue.addBulk(Array.from({ length: 6 }, () => ({ name: "build", data: report })));
    await scene.worker(bullmq, queue.name, work, { concurrency: 6 });
    await expect.poll(() => countOver(queue), { timeout: 20_000 }).toEqual({ completed: 6, failed: 0 });
    expect(most).toBe(2);
  });

  it("until-executed: the claim stays over retries, and ends with the last failure or the success", async () => {
    const guard = scene.guard({ strategy: "until-executed", key });
    const events = told(guard);
    const queue = scene.queue(bullmq);
    const report = newReport();
    const seen: boolean[] = [];
    let fails = 2;
    const work = guard.processor(async () => {
      seen.push((await guard.inspect(report.report, queue.name)).claim !== undefined);
      if (fails-- > 0) throw new Error("not now");
    });
    await guard.add(queue, "build", report, { attempts: 2, backoff: 10 });
    const worker = guard.attach(await scene.worker(bullmq, queue.name, work));
    await finished(worker);
    expect(seen).toEqual([true, true]);
    expect((await guard.inspect(report.report, queue.name)).claim).toBeUndefined();
    const done = once(worker, "completed");
    expect((await guard.add(queue, "build", report)).added).toBe(true);
    await done;
    expect((await guard.inspect(report.report, queue.name)).claim).toBeUndefined();
    expect(events).toEqual([]);
  });

  it.each(["until-executing", "until-and-while-executing"] as const)(
    "%s: the claim ends when the job begins",
    async (strategy) => {
      const guard = scene.guard({
        strategy,
        key,
        ...(strategy === "until-and-while-executing" && { reschedule: soon }),
      });
      const queue = scene.queue(bullmq);
      const report = newReport();
      const [begun, go] = [gate(), gate()];
      let running = 0;
      let most = 0;
      const work = guard.processor(async () => {
        most = Math.max(most, ++running);
        begun.open();
        await go.opened;
        running -= 1;
      });
      await guard.add(queue, "build", report);
      await scene.worker(bullmq, queue.name, work, { concurrency: 2 });
      await begun.opened;
      const { claim } = await guard.inspect(report.report, queue.name);
      expect(claim === undefined).toBe(strategy === "until-executing");
      const second = await guard.add(queue, "build", report);
      expect(second.added).toBe(true);
      if (strategy === "until-executing") await expect.poll(() => most).toBe(2);
      else await next((listener: (event: unknown) => void) => guard.on("rescheduled", listener));
      go.open();
      await expect.poll(() => countOver(queue), { timeout: 20_000 }).toEqual({ completed: 2, failed: 0 });
      expect(most).toBe(strategy === "until-executing" ? 2 : 1);
    },
  );

  it("runs a job whose claim had ended, and tells", async () => {
    const guard = scene.guard({ strategy: "until-executed", key, window: 300 });
    const events = told(guard);
    const queue = scene.queue(bullmq);
    const report = newReport();
    const added = await guard.add(queue, "build", report);
    await expect.poll(async () => (await guard.inspect(report.report, queue.name)).claim).toBeUndefined();
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    await finished(worker);
    const job = { queue: queue.name, jobId: added.added && added.job.id };
    expect(events).toEqual([["unguarded", { key: report.report, job, reason: "claim-ended" }]]);
  });

  it("does not walk into the first run of a job that stalled, and tells that run to stop", async () => {
    const guard = scene.guard({ strategy: "while-executing", key, reschedule: soon });
    const queue = scene.queue(bullmq);
    const report = newReport();
    const rescheduled = next((listener: (event: unknown) => void) => guard.on("rescheduled", listener));
    const runs: { readonly context: RunContext; readonly begun: number; ended?: number }[] = [];
    const work = guard.processor(async (_job, context) => {
      const run: (typeof runs)[number] = { context, begun: performance.now() };
      runs.push(run);
      // The first one is told to stop, and goes on until the second one has found its key busy.
      if (runs.length === 1) {
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        await rescheduled;
      }
      run.ended = performance.now();
    });
    const options = { lockDuration: 1_000, stalledInterval: 300, maxStalledCount: 5, concurrency: 2 };
    const lost = next<GuardEvents["lost"]>((listener) => guard.on("lost", listener));
    const worker = guard.attach(await scene.worker(bullmq, queue.name, work, options));
    // Not by `once`: the first run cannot be completed any more, which is an error of the worker.
    const completed = finished(worker);
    const job = await queue.add("build", report);
    await expect.poll(() => runs.length).toBe(1);
    await scene.redis.del(`bull:${queue.name}:${job.id}:lock`);
    expect((await lost).error.message).toMatch(/could not renew its lock/);
    await completed;
    expect(runs).toHaveLength(2);
    const [first, second] = runs;
    expect(first?.context.signal.aborted).toBe(true);
    expect(second?.begun).toBeGreaterThan(first?.ended ?? Number.POSITIVE_INFINITY);
    expect(second?.context.fencingToken).toBeGreaterThan(
      first?.context.fencingToken ?? Number.POSITIVE_INFINITY,
    );
  });

  it("tells a run that its lease was lost, and when BullMQ cancels it", async () => {
    const guard = scene.guard({ strategy: "while-executing", key, ttl: 1_500 });
    const queue = scene.queue(bullmq);
    let runs = 0;
    const work = guard.processor((_job, { signal }) => {
      runs += 1;
      return new Promise<string>((resolve) => {
        signal.addEventListener("abort", () => resolve(`${signal.reason?.code ?? signal.reason}`));
      });
    });
    const worker = await scene.worker(bullmq, queue.name, work);
    const report = newReport();
    const lost = next<GuardEvents["lost"]>((listener) => guard.on("lost", listener));
    const done = finished(worker);
    const job = await queue.add("build", report);
    await expect
      .poll(async () => (await guard.inspect(report.report, queue.name)).runs)
      .toMatchObject([{ jobId: job.id }]);
    await expect.poll(() => runs).toBe(1);
    await scene.locks.forceRelease(`run:queue=${queue.name}:${report.report}`);
    expect((await lost).error).toMatchObject({ code: "LOCK_LOST" });
    expect((await done).returnvalue).toBe("LOCK_LOST");

    const cancelled = finished(worker);
    const second = await queue.add("build", newReport());
    await expect.poll(() => runs).toBe(2);
    await expect.poll(() => worker.cancelJob(`${second.id}`, "enough")).toBe(true);
    expect((await cancelled).returnvalue).toBe("enough");
  });

  it("a job that is cancelled while it waits for its key waits no longer", async () => {
    const guard = scene.guard({ strategy: "while-executing", key, wait: "forever" });
    const queue = scene.queue(bullmq);
    const report = newReport();
    const runKey = `run:queue=${queue.name}:${report.report}`;
    const lease = await scene.locks.acquire(runKey);
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    const failed = once(worker, "failed");
    const job = await queue.add("build", report);
    await expect.poll(async () => (await scene.locks.inspect(runKey))?.waiting).toBe(1);
    worker.cancelJob(`${job.id}`, "enough");
    await failed;
    await expect.poll(async () => (await scene.locks.inspect(runKey))?.waiting).toBe(0);
    await lease.release();
  });

  it.each([
    ["complete", { state: "completed", runs: 1 }],
    ["fail", { state: "failed", runs: 1 }],
    [() => "complete" as const, { state: "completed", runs: 1 }],
    ["cancel-holder", { state: "completed", runs: 2 }],
  ] as const)("a conflict: %s", async (execute, expected) => {
    const guard = scene.guard({ strategy: "while-executing", key, onConflict: { execute }, ttl: 1_500 });
    const events = told(guard);
    const queue = scene.queue(bullmq);
    const report = newReport();
    const go = gate();
    const runs: RunContext[] = [];
    const work = guard.processor(async (_job, context) => {
      runs.push(context);
      if (runs.length > 1) return;
      context.signal.addEventListener("abort", () => go.open());
      await go.opened;
    });
    await scene.worker(bullmq, queue.name, work, { concurrency: 2 });
    const first = await queue.add("build", report);
    await expect.poll(() => runs.length).toBe(1);
    const second = await queue.add("build", report);
    await expect.poll(() => second.getState(), { timeout: 10_000 }).toBe(expected.state);
    if (execute !== "cancel-holder") {
      const existing = { queue: queue.name, jobId: first.id };
      const job = { queue: queue.name, jobId: second.id };
      expect(events).toEqual([["duplicate", { key: report.report, job, existing }]]);
    } else expect(runs[0]?.signal.aborted).toBe(true);
    go.open();
    await expect.poll(() => first.getState()).toBe("completed");
    expect(runs).toHaveLength(expected.runs);
  });

  it("a job that finds its key busy for too long fails, and is not tried again", async () => {
    const guard = scene.guard({ strategy: "while-executing", key, reschedule: { ...soon, deadline: 300 } });
    const queue = scene.queue(bullmq);
    const report = newReport();
    await scene.locks.acquire(`run:queue=${queue.name}:${report.report}`);
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    const failed = once(worker, "failed");
    const job = await queue.add("build", report, { attempts: 5 });
    const [, error] = await failed;
    expect(error).toMatchObject({
      name: "UnrecoverableError",
      message: expect.stringMatching(/is busy, and job .* gives up after/),
    });
    expect(await job.getState()).toBe("failed");
  });

  it("guards the jobs of schedulers and flows when they run", async () => {
    const guard = scene.guard({ strategy: "until-and-while-executing", key: () => "one", reschedule: soon });
    const [queue, parents] = [scene.queue(bullmq), scene.queue(bullmq)];
    let running = 0;
    let most = 0;
    const work = guard.processor(async () => {
      most = Math.max(most, ++running);
      await pause(10);
      running -= 1;
    });
    await guard.add(queue, "build", {}, { delay: 60_000 });
    const { host, port } = scene.redis.options;
    const flows = new bullmq.FlowProducer({ connection: { host: `${host}`, port: Number(port) } });
    await flows.add({
      name: "parent",
      queueName: parents.name,
      children: Array.from({ length: 4 }, () => ({ name: "child", queueName: queue.name })),
    });
    await queue.upsertJobScheduler("often", { every: 50, limit: 3 });
    await scene.worker(bullmq, queue.name, work, { concurrency: 4 });
    const parent = await scene.worker(bullmq, parents.name, async () => "all built");
    await finished(parent);
    await expect.poll(() => countOver(queue), { timeout: 20_000 }).toMatchObject({ failed: 0, completed: 7 });
    await flows.close();
    expect(most).toBe(1);
  });
});

/** Warnings are of the whole process: no other test may run meanwhile. */
describe.each(newestOrOlder(majors))("$name: a worker", ({ bullmq }) => {
  it("warns of a worker whose jobs may be started only so many times", async () => {
    const guard = scene.guard({ strategy: "while-executing", key });
    const warned = once(process, "warning");
    guard.attach(await scene.worker(bullmq, scene.name(), async () => undefined, { maxStartedAttempts: 3 }));
    expect((await warned)[0]).toMatchObject({ code: "LOCK_JOB_MAX_STARTED_ATTEMPTS" });
  });
});

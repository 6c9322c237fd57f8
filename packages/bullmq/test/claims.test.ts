import { once } from "node:events";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import { DelayedError, UnrecoverableError } from "bullmq";
import { Redis } from "ioredis";
import { describe, it } from "vitest";
import { type GuardOptions, guardJobs, type JobFacts } from "../src/index.ts";
import { countOver, finished, told } from "./support/events.ts";
import { majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

/** How long a claim lasts, and whom it keeps out. */
const scene = useScene();
const key = ({ data }: JobFacts<{ report: string }>) => data.report;
let reports = 0;
const newReport = () => ({ report: `claim ${++reports}` });

describe.concurrent.each(newestOrOlder(majors))("$name: a claim", ({ bullmq }) => {
  it("stays with a job that puts itself off", async () => {
    const guard = scene.guard({ strategy: "until-executed", key });
    const queue = scene.queue(bullmq);
    const report = newReport();
    const put = gate();
    const work = guard.processor(async (job, { token }) => {
      if (job.attemptsStarted > 1) return;
      await job.moveToDelayed(Date.now() + 2_000, token);
      put.open();
      throw new DelayedError();
    });
    await scene.worker(bullmq, queue.name, work);
    await guard.add(queue, "build", report);
    await put.opened;
    expect(await guard.add(queue, "build", report)).toMatchObject({ added: false });
    await expect.poll(() => countOver(queue), { timeout: 10_000 }).toEqual({ completed: 1, failed: 0 });
    expect((await guard.inspect(report.report, queue.name)).claim).toBeUndefined();
  });

  it("ends with a job that cannot be saved, whatever attempts are left", async () => {
    const guard = scene.guard({ strategy: "until-executed", key });
    const queue = scene.queue(bullmq);
    const report = newReport();
    const work = guard.processor(() => Promise.reject(new UnrecoverableError("gone")));
    const worker = await scene.worker(bullmq, queue.name, work);
    const failed = once(worker, "failed");
    await guard.add(queue, "build", report, { attempts: 5 });
    await failed;
    expect((await guard.inspect(report.report, queue.name)).claim).toBeUndefined();
  });

  it("ends for a run that has lost its lease, as for every one that has begun", async () => {
    const options = { strategy: "until-and-while-executing", key, scope: "lost", ttl: 1_500 } as const;
    const [guard, stranger] = [scene.guard(options), scene.guard(options)];
    const [queue, other] = [scene.queue(bullmq), scene.queue(bullmq)];
    const report = newReport();
    const go = gate();
    const work = guard.processor(async () => {
      await go.opened;
    });
    await scene.worker(bullmq, queue.name, work);
    await guard.add(queue, "build", report);
    await expect.poll(async () => (await guard.inspect(report.report)).runs).toHaveLength(1);
    const lost = new Promise((resolve) => guard.on("lost", resolve));
    await scene.locks.forceRelease(`run:scope=lost:${report.report}`);
    await lost;
    await expect.poll(async () => (await guard.inspect(report.report)).claim).toBeUndefined();
    expect(await stranger.add(other, "build", report)).toMatchObject({ added: true });
    go.open();
    await expect.poll(() => countOver(queue)).toEqual({ completed: 1, failed: 0 });
  });

  it("is left to the next run where BullMQ has given the job to that one", async () => {
    const guard = scene.guard({ strategy: "until-executed", key });
    const queue = scene.queue(bullmq);
    const report = newReport();
    const begun = gate();
    const work = guard.processor(async (_job, { signal }) => {
      const aborted = once(signal, "abort");
      begun.open();
      await aborted;
      throw signal.reason;
    });
    const worker = guard.attach(await scene.worker(bullmq, queue.name, work));
    const failed = once(worker, "failed");
    const added = await guard.add(queue, "build", report);
    await begun.opened;
    worker.emit("lockRenewalFailed", [added.added ? `${added.job.id}` : ""]);
    await failed;
    expect((await guard.inspect(report.report, queue.name)).claim).toBeDefined();
  });

  it("of a queue with another prefix is another one", async () => {
    const guard = scene.guard({ strategy: "until-executed", key });
    const name = scene.name();
    const [one, two] = [scene.queue(bullmq, name), scene.queue(bullmq, name, { prefix: "tenant" })];
    const report = newReport();
    for (const queue of [one, two]) {
      expect(await guard.add(queue, "build", report)).toMatchObject({ added: true });
      expect(await guard.add(queue, "build", report)).toMatchObject({ added: false });
      expect(await queue.getJobCountByTypes("wait")).toBe(1);
    }
    expect((await guard.inspect(report.report, `tenant:${name}`)).claim?.queue).toBe(`tenant:${name}`);
    const worker = await scene.worker(
      bullmq,
      name,
      guard.processor(() => "built"),
      { prefix: "tenant" },
    );
    await finished(worker);
    expect((await guard.inspect(report.report, `tenant:${name}`)).claim).toBeUndefined();
    expect((await guard.inspect(report.report, name)).claim).toBeDefined();
  });

  it("is judged by the window that it was made with", async () => {
    const queue = scene.queue(bullmq);
    const [long, short] = [86_400_000, 3_600_000].map((window) => {
      return scene.guard({ strategy: "until-executed", key, window });
    });
    if (long === undefined || short === undefined) throw new Error("two guards were made");
    const report = newReport();
    const first = await long.add(queue, "build", report);
    await expect.poll(() => scene.locks.inspect(`claim:queue=${queue.name}:${report.report}`)).not.toBeNull();
    if (first.added) await first.job.remove();
    // It may be about to be added for the first 2 s, and no longer.
    const start = performance.now();
    expect(await short.add(queue, "build", report)).toMatchObject({ added: true });
    expect(performance.now() - start).toBeLessThan(8_000);
  });

  it("is not longer than the locks allow", () => {
    const locks = createLocks({ backend: ioredisBackend(scene.redis), maxTtl: 60_000, ttl: 10_000 });
    const options: GuardOptions = { locks, strategy: "until-executed", key: () => "one" };
    expect(() => guardJobs({ ...options, window: 60_001 })).toThrow(
      /window must be at most 60000.*got 60001/,
    );
    expect(() => guardJobs(options)).not.toThrow();
  });

  it("of data that is left out is ended by the worker", async () => {
    const guard = scene.guard({ strategy: "until-executed", key: { hash: "data" } });
    const queue = scene.queue(bullmq);
    const events = told(guard);
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    const done = finished(worker);
    await guard.add(queue, "build", undefined);
    await done;
    expect(events).toEqual([]);
    expect(await guard.add(queue, "build", undefined)).toMatchObject({ added: true });
  });

  it("is ended although its locks are closed while the job runs, or is taken over; the job succeeds", async () => {
    const client = new Redis(scene.url);
    const locks = createLocks({ backend: ioredisBackend(client) });
    const options: Omit<GuardOptions<{ report: string }>, "locks"> = { strategy: "until-executed", key };
    const guard = guardJobs({ ...options, locks });
    const queue = scene.queue(bullmq);
    const report = newReport();
    const [begun, go] = [gate(), gate()];
    const work = guard.processor(async () => {
      begun.open();
      await go.opened;
    });
    const worker = await scene.worker(bullmq, queue.name, work);
    const done = finished(worker);
    await guard.add(queue, "build", report);
    await begun.opened;
    await locks.close();
    go.open();
    expect((await done).failedReason).toBeUndefined();
    await expect.poll(() => countOver(queue)).toEqual({ completed: 1, failed: 0 });
    expect(await scene.guard(options).add(queue, "build", report)).toMatchObject({ added: true });
    client.disconnect();
  });

  it("is taken over by one of many who find its job gone", async () => {
    const queue = scene.queue(bullmq);
    const guard = scene.guard({ strategy: "until-executed", key });
    const guards = Array.from({ length: 8 }, () => scene.guard({ strategy: "until-executed", key }));
    const rounds = Array.from({ length: 10 }, async () => {
      const report = newReport();
      const first = await guard.add(queue, "build", report);
      if (first.added) await first.job.remove();
      const results = await Promise.all(guards.map((one) => one.add(queue, "build", report)));
      return results.filter(({ added }) => added).length;
    });
    expect(await Promise.all(rounds)).toEqual(rounds.map(() => 1));
    expect(await queue.getJobCountByTypes("wait")).toBe(rounds.length);
  });
});

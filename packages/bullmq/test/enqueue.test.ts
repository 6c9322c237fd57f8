import { setTimeout as pause } from "node:timers/promises";
import { expect, newestOrOlder } from "@lock/redis-harness/vitest";
import type { Queue } from "bullmq";
import { describe, it } from "vitest";
import type { JobFacts } from "../src/index.ts";
import { before } from "./support/intercept.ts";
import { majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
const key = ({ data }: JobFacts<{ report: string }>) => data.report;
/** Keys of the global scope are the same for both majors. */
let reports = 0;
const newReport = () => ({ report: `report ${++reports}` });
const ids = async (queue: Queue) => (await queue.getJobs()).map((job) => job.id);

describe.concurrent.each(newestOrOlder(majors))("$name: add", ({ bullmq }) => {
  it.each(["until-executing", "until-executed", "until-and-while-executing"] as const)(
    "%s: adds one job of a key, and tells the others which one is there",
    async (strategy) => {
      const report = newReport();
      const [guard, other] = [scene.guard({ strategy, key }), scene.guard({ strategy, key })];
      const queue = scene.queue(bullmq);
      const first = await guard.add(queue, "build", report);
      if (!first.added) throw new Error("the first job of a key was refused");
      const existing = { queue: queue.name, jobId: first.job.id };
      expect(await guard.add(queue, "build", report)).toEqual({ added: false, existing });
      expect(await other.add(queue, "build", report)).toEqual({ added: false, existing });
      expect(await guard.add(queue, "build", { report: "stock" })).toMatchObject({ added: true });
      expect(await queue.getJobCounts("wait")).toEqual({ wait: 2 });
    },
  );

  it("adds exactly one of many at once, in bulk and one by one", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-executed", key });
    const queue = scene.queue(bullmq);
    const jobs = Array.from({ length: 10 }, () => ({ name: "build", data: report }));
    const results = (
      await Promise.all([
        guard.addBulk(queue, jobs),
        ...jobs.map(({ name, data }) => guard.add(queue, name, data)),
      ])
    ).flat();
    const [id] = await ids(queue);
    expect(await ids(queue)).toHaveLength(1);
    expect(results.filter(({ added }) => added)).toHaveLength(1);
    for (const result of results) {
      if (!result.added) expect(result.existing).toEqual({ queue: queue.name, jobId: id });
    }
  });

  it("takes the claim over when its job is gone: removed, drained, obliterated, finished unseen", async () => {
    const ways = [
      (queue: Queue) => queue.getJobs().then(([job]) => job?.remove()),
      (queue: Queue) => queue.drain(true),
      (queue: Queue) => queue.obliterate({ force: true }),
    ];
    const takeOver = async (remove: (typeof ways)[number]) => {
      const report = newReport();
      const guard = scene.guard({ strategy: "until-executed", key });
      const queue = scene.queue(bullmq);
      const taken: unknown[] = [];
      guard.on("takenOver", ({ from }) => taken.push(from?.jobId));
      const first = await guard.add(queue, "build", report);
      await remove(queue);
      expect(await guard.add(queue, "build", report)).toMatchObject({ added: true });
      expect(taken).toEqual([first.added && first.job.id]);
      const worker = await scene.worker(bullmq, queue.name, async () => "not guarded");
      await new Promise((resolve) => worker.once("completed", resolve));
      await worker.pause();
      expect(await guard.add(queue, "build", report)).toMatchObject({ added: true });
    };
    await Promise.all(ways.map(takeOver));
  });

  it("until-expired: the window outlives the job", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-expired", key, window: 4_000 });
    const queue = scene.queue(bullmq, undefined, { defaultJobOptions: { removeOnComplete: true } });
    const first = await guard.add(queue, "build", report);
    const worker = guard.attach(
      await scene.worker(
        bullmq,
        queue.name,
        guard.processor(async () => "built"),
      ),
    );
    await new Promise((resolve) => worker.once("completed", resolve));
    expect(await ids(queue)).toEqual([]);
    const existing = { queue: queue.name, jobId: first.added && first.job.id };
    expect(await guard.add(queue, "build", report)).toEqual({ added: false, existing });
    const remaining = (await guard.inspect(report.report, queue.name)).claim?.remaining ?? 0;
    await pause(remaining + 5);
    expect(await guard.add(queue, "build", report)).toMatchObject({ added: true });
  });

  it("a claim whose producer died before it added its job keeps nobody out for long", async () => {
    const takeOver = async (strategy: "until-executed" | "until-expired") => {
      const report = newReport();
      const guard = scene.guard({ strategy, key, ...(strategy === "until-expired" && { window: 60_000 }) });
      const queue = scene.queue(bullmq);
      const dying = before(queue, "add", () => Promise.reject(new Error("died")));
      await expect(guard.add(dying, "build", report)).rejects.toThrow("died");
      const start = performance.now();
      expect(await guard.add(queue, "build", report)).toMatchObject({ added: true });
      expect(performance.now() - start).toBeLessThan(10_000);
    };
    await Promise.all([takeOver("until-executed"), takeOver("until-expired")]);
  });

  it("throws where duplicates are to throw, whatever kept the job out", async () => {
    const report = newReport();
    const throws = { onConflict: { enqueue: "throw" } } as const;
    const [queue, other] = [scene.queue(bullmq), scene.queue(bullmq)];
    const once = scene.guard({ strategy: "until-executed", key, ...throws });
    const windowed = scene.guard({ strategy: "until-expired", key, window: 60_000, ...throws });
    const stranger = scene.guard({ strategy: "until-executed", key, scope: "all", ...throws });
    await once.add(queue, "build", report, { jobId: "chosen", deduplication: { id: report.report } });
    await windowed.add(other, "build", report);
    await scene.guard({ strategy: "until-executed", key, scope: "all" }).add(queue, "build", report);
    const refused = [
      () => once.add(queue, "build", report),
      () => once.add(queue, "build", newReport(), { jobId: "chosen" }),
      () => once.add(queue, "build", newReport(), { deduplication: { id: report.report } }),
      () => windowed.add(other, "build", report),
      () => stranger.add(other, "build", report),
    ];
    for (const add of refused) {
      await expect(add()).rejects.toMatchObject({
        code: "JOB_DUPLICATE",
        existing: { queue: expect.any(String) },
      });
    }
  });

  it("replaces a job that waits", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-executed", key, onConflict: { enqueue: "replace" } });
    const queue = scene.queue(bullmq);
    await guard.add(queue, "build", { ...report, version: 1 }, { delay: 60_000 });
    const second = await guard.add(queue, "build", { ...report, version: 2 });
    expect(second).toMatchObject({ added: true });
    expect((await queue.getJobs()).map(({ data }) => data.version)).toEqual([2]);
  });

  it("replaces as often as it is asked to, and refuses nobody for a job that is gone", async () => {
    const guard = scene.guard({ strategy: "until-executed", key, onConflict: { enqueue: "replace" } });
    const queue = scene.queue(bullmq);
    const rounds = Array.from({ length: 20 }, async () => {
      const report = newReport();
      const one = await Promise.all(
        [1, 2, 3].map((version) => guard.add(queue, "build", { ...report, version })),
      );
      return one.every(({ added }) => added);
    });
    expect(await Promise.all(rounds)).toEqual(rounds.map(() => true));
    expect(await queue.getJobCountByTypes("wait")).toBe(rounds.length);
  });

  it("the last one of a bulk wins where it replaces", async () => {
    const guard = scene.guard({ strategy: "until-executed", key, onConflict: { enqueue: "replace" } });
    const queue = scene.queue(bullmq);
    const rounds = Array.from({ length: 20 }, async () => {
      const report = newReport();
      const jobs = [1, 2, 3, 4].map((version) => ({ name: "build", data: { ...report, version } }));
      // Whoever hears of the first job sooner is not to overtake those before it.
      const slow = before(queue, "getJob", () => pause(20 * Math.random()));
      const results = await guard.addBulk(slow, jobs);
      return results.map(({ added }) => added);
    });
    expect(await Promise.all(rounds)).toEqual(rounds.map(() => [true, true, true, true]));
    expect((await queue.getJobs()).map(({ data }) => data.version)).toEqual(rounds.map(() => 4));
  });

  it("keeps the latest payload of a job that waits", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-executing", key, onConflict: { enqueue: "keep-latest" } });
    const queue = scene.queue(bullmq);
    const first = await guard.add(queue, "build", { ...report, version: 1 });
    expect(await guard.add(queue, "build", { ...report, version: 2 })).toMatchObject({
      added: false,
      existing: { jobId: first.added && first.job.id },
    });
    expect((await queue.getJobs()).map(({ data }) => data.version)).toEqual([2]);
  });

  it("shares keys between queues only where the scope says so", async () => {
    const report = newReport();
    const [one, two] = [scene.queue(bullmq), scene.queue(bullmq)];
    const apart = scene.guard({ strategy: "until-executed", key });
    expect((await apart.add(one, "build", report)).added).toBe(true);
    expect((await apart.add(two, "build", report)).added).toBe(true);
    for (const scope of ["global", "reports:all"]) {
      const shared = scene.guard({ strategy: "until-executed", key, scope });
      expect((await shared.add(one, "build", report)).added).toBe(true);
      expect(await shared.add(two, "build", report)).toMatchObject({
        added: false,
        existing: { queue: one.name },
      });
    }
  });

  it("keeps a jobId that was chosen, and says when BullMQ would ignore it", async () => {
    const report = newReport();
    const guard = scene.guard({ strategy: "until-executed", key });
    const queue = scene.queue(bullmq);
    const first = await guard.add(queue, "build", report, { jobId: "sales-2026" });
    expect(first).toMatchObject({ added: true, job: { id: "sales-2026" } });
    expect(await guard.release(report.report, queue.name)).toBe(true);
    const existing = { queue: queue.name, jobId: "sales-2026" };
    expect(await guard.add(queue, "build", report, { jobId: "sales-2026" })).toEqual({
      added: false,
      existing,
    });
    expect(await guard.add(queue, "build", report)).toMatchObject({ added: true });
  });

  it("tells one of two that chose the same jobId for different keys", async () => {
    const guard = scene.guard({ strategy: "until-executed", key });
    const queue = scene.queue(bullmq);
    const [x, y] = [newReport(), newReport()];
    const jobs = [x, y].map((data) => ({ name: "build", data, opts: { jobId: "one" } }));
    const results = await guard.addBulk(queue, jobs);
    expect(results.map(({ added }) => added)).toEqual([true, false]);
    expect(results[1]).toMatchObject({ existing: { queue: queue.name, jobId: "one" } });
    expect(await guard.add(queue, "build", y)).toMatchObject({ added: true });
  });

  it("a child of a flow becomes part of it, also where its id is there already", async () => {
    const guard = scene.guard({ strategy: "until-executed", key });
    const [queue, parents] = [scene.queue(bullmq), scene.queue(bullmq)];
    const parent = await parents.add("all", {}, { delay: 60_000 });
    const child = { jobId: "child", parent: { id: `${parent.id}`, queue: parents.qualifiedName } };
    await queue.add("build", newReport(), { jobId: "child" });
    expect(await guard.add(queue, "build", newReport(), child)).toMatchObject({ added: true });
    expect((await parent.getDependencies()).unprocessed).toHaveLength(1);
  });

  it("a claim of a queue that was closed stands, and nobody is told of the closed queue", async () => {
    const guard = scene.guard({ strategy: "until-executed", key, scope: "closed" });
    const [queue, other] = [scene.queue(bullmq), scene.queue(bullmq)];
    const report = newReport();
    const first = await guard.add(queue, "build", report);
    await queue.close();
    expect(await guard.add(other, "build", report)).toEqual({
      added: false,
      existing: { queue: queue.name, jobId: first.added && first.job.id },
    });
  });

  it("says when BullMQ's own deduplication kept a job out", async () => {
    const guard = scene.guard({ strategy: "until-executed", key: { hash: "data" } });
    const queue = scene.queue(bullmq);
    const first = await guard.add(queue, "build", { n: 1 }, { deduplication: { id: "one" } });
    const second = await guard.add(queue, "build", { n: 2 }, { deduplication: { id: "one" } });
    expect(second).toEqual({
      added: false,
      existing: { queue: queue.name, jobId: first.added && first.job.id },
    });
    expect(await guard.add(queue, "build", { n: 2 })).toMatchObject({ added: true });
  });
});

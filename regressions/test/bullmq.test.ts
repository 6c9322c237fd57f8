import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gate } from "@lock/redis-harness/vitest";
import { DelayedError, type Job, type Queue, WaitingError, Worker } from "bullmq";
import { describe, it } from "vitest";
import { eventually, failure } from "./support/await.ts";
import { newReport, type Report, STALLING, useJobs } from "./support/jobs.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
const jobs = useJobs(scene);

const completed = (queue: Queue, count = 1) =>
  eventually(`${count} jobs are done`, async () => (await queue.getCompletedCount()) === count);
const failed = (queue: Queue) =>
  eventually("a job has failed", async () => (await queue.getFailedCount()) === 1);
const idOf = (result: { added: boolean; job?: Job }) => {
  if (result.job?.id === undefined) throw new Error("the job was not added");
  return result.job.id;
};

describe.concurrent("claims", () => {
  it("taskforcesh/bullmq#3427, taskforcesh/bullmq#3151, laravel/framework#60042: what is asked for during a run is taken for a duplicate of that run, and the last change is never processed", async ({
    expect,
  }) => {
    for (const strategy of ["until-executing", "until-and-while-executing"] as const) {
      const guard = jobs.guard({ strategy, reschedule: { min: 5, max: 20 } });
      const queue = jobs.queue();
      let moment = 0;
      const begun = new Map<string, number>();
      const work = guard.processor(async (job) => {
        begun.set(`${job.id}`, ++moment);
        await pause(5);
      });
      await jobs.worker(queue, work);
      const report = newReport();
      const refused: { readonly asked: number; readonly by: string }[] = [];
      let added = 0;
      for (let at = 0; at < 30; at++) {
        const asked = ++moment;
        const result = await guard.add(queue, "build", report);
        if (result.added) added += 1;
        else refused.push({ asked, by: `${result.existing.jobId}` });
        await pause(Math.random() * 6);
      }
      await completed(queue, added);
      expect(added).toBeGreaterThan(1);
      for (const { asked, by } of refused) expect(begun.get(by)).toBeGreaterThan(asked);
    }
  });

  it("laravel/framework#49890, laravel/framework#54000, laravel/framework#37729: the key is made anew when the job ends, is another one or fails, and the claim is stuck", async ({
    expect,
  }) => {
    const producer = jobs.guard({ strategy: "until-executed" });
    const later = jobs.guard({
      strategy: "until-executed",
      key: () => {
        throw new Error("data of an older release");
      },
    });
    const queue = jobs.queue();
    const report = newReport();
    await producer.add(queue, "build", report);
    const work = later.processor(async (job: Job<Report>) => job.updateData(newReport()));
    await jobs.worker(queue, work);
    await completed(queue);
    expect((await producer.inspect(report.report, queue.name)).claim).toBeUndefined();
    expect(await producer.add(queue, "build", report)).toMatchObject({ added: true });
  });

  it("taskforcesh/bullmq#4311: after an outage keys without jobs refuse all further jobs", async ({
    expect,
  }) => {
    const guard = jobs.guard({ strategy: "until-executed" });
    const queue = jobs.queue();
    const report = newReport();
    const [begun, go] = [gate(), gate()];
    const hung = async () => {
      begun.open();
      await go.opened;
    };
    await guard.add(queue, "build", report, { removeOnFail: true });
    const first = await jobs.worker(queue, guard.processor(hung), { ...STALLING, lockRenewTime: 60_000 });
    await begun.opened;
    await jobs.worker(queue, guard.processor(hung), STALLING);
    await eventually("BullMQ has given the job up", async () => (await queue.getJobs()).length === 0);
    await first.pause(true);
    const start = performance.now();
    expect(await guard.add(queue, "build", report)).toMatchObject({ added: true });
    expect(performance.now() - start).toBeLessThan(5_000);
    go.open();
  });

  it("taskforcesh/bullmq#3232, taskforcesh/bullmq#3236: the removal of an old failed job frees the key of a newer one", async ({
    expect,
  }) => {
    const guard = jobs.guard({ strategy: "until-executed" });
    const ends: ((queue: Queue, job: Job) => Promise<unknown>)[] = [
      (_queue, job) => job.remove(),
      (queue) => queue.clean(0, 10, "failed"),
    ];
    for (const end of ends) {
      const queue = jobs.queue();
      const report = newReport();
      const old = await guard.add(queue, "build", report);
      const worker = await jobs.worker(
        queue,
        guard.processor(() => Promise.reject(new Error("no"))),
      );
      await failed(queue);
      await worker.close();
      const newer = await guard.add(queue, "build", report);
      if (old.added) await end(queue, old.job);
      expect(await queue.getFailedCount()).toBe(0);
      const existing = { queue: queue.name, jobId: idOf(newer) };
      expect(await guard.add(queue, "build", report)).toEqual({ added: false, existing });
    }
  });

  it("zoolutions/sidekiq-unique-jobs#812, zoolutions/sidekiq-unique-jobs#861: an orderly shutdown gives the job back, but not its lock, or the lock stays for ever", async ({
    expect,
  }) => {
    const guard = jobs.guard({
      strategy: "until-and-while-executing",
      ttl: 600,
      reschedule: { min: 20, max: 50 },
    });
    const executed = jobs.guard({ strategy: "until-executed" });
    const stalling = { ...STALLING, maxStalledCount: 5 };
    for (const one of [guard, executed]) {
      const queue = jobs.queue();
      const report = newReport();
      const [begun, go] = [gate(), gate()];
      let runs = 0;
      const work = one.processor(async () => {
        runs += 1;
        begun.open();
        if (runs === 1) await go.opened;
      });
      const first = await one.add(queue, "build", report);
      const closing = await jobs.worker(queue, work, stalling);
      await begun.opened;
      await closing.close(true);
      if (one === executed) {
        const existing = { queue: queue.name, jobId: idOf(first) };
        expect(await one.add(queue, "build", report)).toEqual({ added: false, existing });
      }
      go.open();
      await jobs.worker(queue, work, stalling);
      await completed(queue);
      expect([runs, await queue.getJobCountByTypes("waiting", "active", "delayed", "failed")]).toEqual([
        2, 0,
      ]);
      expect(await one.add(queue, "build", report, { delay: 60_000 })).toMatchObject({ added: true });
    }
  });

  it("laravel/framework#59567: the retry of an old job frees the lock of a newer one", async ({ expect }) => {
    const guard = jobs.guard({ strategy: "until-executed", reschedule: { min: 20, max: 50 } });
    const queue = jobs.queue();
    const report = newReport();
    const old = await guard.add(queue, "build", report);
    let fail = true;
    const work = guard.processor(async () => {
      if (fail) throw new Error("no");
    });
    await jobs.worker(queue, work);
    await failed(queue);
    fail = false;
    const newer = await guard.add(queue, "build", report, { delay: 700 });
    const put = new Promise((resolve) => guard.on("rescheduled", resolve));
    await (await queue.getJob(idOf(old)))?.retry();
    await put;
    const existing = { queue: queue.name, jobId: idOf(newer) };
    expect(await guard.add(queue, "build", report)).toEqual({ added: false, existing });
    await completed(queue, 2);
    expect((await guard.inspect(report.report, queue.name)).claim).toBeUndefined();
  });

  it("getsentry/junior#33: the mark of a job is set before the job is added, which fails, and the next one is dropped", async ({
    expect,
  }) => {
    const guard = jobs.guard({ strategy: "until-executed" });
    const queue = jobs.queue();
    const report = newReport();
    const closed = jobs.queue(queue.name);
    await closed.close();
    expect(String(await failure(guard.add(closed, "build", report)))).toContain("closed");
    expect(await queue.getJobCountByTypes("waiting")).toBe(0);
    expect(await guard.add(queue, "build", report)).toMatchObject({ added: true });
  });
});

describe.concurrent("runs", () => {
  it("taskforcesh/bullmq#2566: a DelayedError in a sandboxed processor is not recognized, and the job fails for a missing lock", async ({
    expect,
  }) => {
    const file = fileURLToPath(new URL("./support/sandboxed.mjs", import.meta.url));
    for (const useWorkerThreads of [true, false]) {
      const queue = jobs.queue();
      const data = { ...newReport(), url: scene.url };
      const { locks } = scene.open();
      const held = await locks.acquire(`run:queue=${queue.name}:${data.report}`);
      const { id } = await queue.add("build", data);
      await jobs.worker(queue, file, { useWorkerThreads });
      await eventually(
        "it was put off",
        async () => Number((await queue.getJob(`${id}`))?.attemptsStarted) > 1,
      );
      await held.release();
      await completed(queue);
      expect(await queue.getJob(`${id}`)).toMatchObject({ attemptsMade: 1, returnvalue: "built" });
    }
  });

  it("taskforcesh/bullmq#1602, taskforcesh/bullmq#2094, taskforcesh/bullmq#3000: a processor that moves its own job loses what guards it, or counts an attempt", async ({
    expect,
  }) => {
    const moves: Record<string, (job: Job, token: string | undefined, queue: Queue) => Promise<Error>> = {
      delayed: async (job, token) => {
        await job.moveToDelayed(Date.now() + 300, token);
        return new DelayedError();
      },
      "waits again": async (job, token) => {
        await job.moveToWait(token);
        return new WaitingError();
      },
      limited: async (_job, _token, queue) => {
        await queue.rateLimit(300);
        return Worker.RateLimitError();
      },
    };
    for (const strategy of ["until-executed", "while-executing"] as const) {
      const guard = jobs.guard({ strategy });
      const putOff: unknown[] = [];
      guard.on("rescheduled", (told) => putOff.push(told));
      for (const move of Object.values(moves)) {
        const queue = jobs.queue();
        const report = newReport();
        const go = gate();
        let starts = 0;
        const work = guard.processor(async (job: Job, { token }) => {
          starts += 1;
          if (starts === 1) throw await move(job, token, queue);
          await go.opened;
        });
        const added = await guard.add(queue, "build", report);
        await jobs.worker(queue, work, { limiter: { max: 100, duration: 300 } });
        await eventually("it has started again", () => starts === 2);
        // A lease that the first run had left behind would have put it off.
        expect(putOff).toEqual([]);
        if (strategy === "until-executed") {
          const existing = { queue: queue.name, jobId: idOf(added) };
          expect(await guard.add(queue, "build", report)).toEqual({ added: false, existing });
        }
        go.open();
        await completed(queue);
        const [job] = await queue.getCompleted();
        expect([starts, job?.attemptsMade]).toEqual([2, 1]);
        expect((await guard.inspect(report.report, queue.name)).claim).toBeUndefined();
      }
    }
  });
});

import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, it } from "vitest";
import type { JobFacts, Strategy } from "../src/index.ts";
import { finished, told } from "./support/events.ts";
import { after, before } from "./support/intercept.ts";
import { majors } from "./support/majors.ts";
import { said, start } from "./support/process.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
const key = ({ data }: JobFacts<{ report: string }>) => data.report;
const report = { report: "sales" };

/** A producer claims the key of the report, and is killed before it adds its job. */
async function claimAndDie(queue: string, strategy: Strategy, scope = "") {
  const producer = start("claimer", scene.url, queue, strategy, scope);
  await said(producer);
  const dead = once(producer, "exit");
  producer.kill("SIGKILL");
  await dead;
}

describe.concurrent.each(newestOrOlder(majors))("$name", ({ bullmq }) => {
  it.each(["until-executed", "until-expired", "until-and-while-executing"] as const)(
    "%s: a producer that is killed between claim and add keeps nobody out for long",
    async (strategy) => {
      const queue = scene.queue(bullmq);
      const guard = scene.guard({ strategy, key, window: 60_000 });
      await claimAndDie(queue.name, strategy);
      expect((await guard.inspect("sales", queue.name)).claim).toBeDefined();
      expect(await guard.add(queue, "build", report)).toMatchObject({ added: true });
      expect(await queue.getJobCountByTypes("wait")).toBe(1);
    },
  );

  it.each(["until-executed", "until-expired", "until-and-while-executing"] as const)(
    "%s: a process that stands still as it looks for the job of a claim does not take it for one that stands",
    async (strategy) => {
      const queue = scene.queue(bullmq);
      const guard = scene.guard({ strategy, key, window: 60_000 });
      await claimAndDie(queue.name, strategy);
      let looks = 0;
      // Looks at 0, at about 50 and at 1,150 ms; the answer to the last comes when the claim can be no claim any more.
      const slow = after(queue, "getJob", async () => {
        if (looks++ > 0) await pause(1_100);
      });
      expect(await guard.add(slow, "build", report)).toMatchObject({ added: true });
      expect(await queue.getJobCountByTypes("wait")).toBe(1);
    },
  );

  it("does not take back a job that was begun and over before its slow producer heard of it", async () => {
    for (const strategy of ["until-executing", "until-executed"] as const) {
      const queue = scene.queue(bullmq);
      const guard = scene.guard({ strategy, key });
      const worker = await scene.worker(
        bullmq,
        queue.name,
        guard.processor(() => "built"),
      );
      const done = finished(worker);
      const slow = after(queue, "add", () => done.then(() => pause(1_200)));
      expect(await guard.add(slow, "build", report)).toMatchObject({ added: true });
      expect(await queue.getJobCounts("completed", "wait", "failed")).toEqual({
        completed: 1,
        wait: 0,
        failed: 0,
      });
    }
  });

  it("does not take back a job that was begun and is to be tried again", async () => {
    const queue = scene.queue(bullmq);
    const guard = scene.guard({ strategy: "until-executing", key });
    const work = guard.processor(() => Promise.reject(new Error("not yet")));
    const worker = await scene.worker(bullmq, queue.name, work);
    const failed = once(worker, "failed");
    const slow = after(queue, "add", () => failed.then(() => pause(1_200)));
    const retried = { attempts: 2, backoff: 60_000 };
    expect(await guard.add(slow, "build", report, retried)).toMatchObject({ added: true });
    expect(await queue.getJobCountByTypes("delayed")).toBe(1);
  });

  it("takes its job back when its claim was taken over before it was added", async () => {
    const queue = scene.queue(bullmq);
    const guard = scene.guard({ strategy: "until-executed", key });
    let other: unknown;
    const slow = before(queue, "add", async () => {
      other ??= await guard.add(queue, "build", report);
    });
    const mine = await scene.guard({ strategy: "until-executed", key }).add(slow, "build", report);
    const [job, ...more] = await queue.getJobs();
    expect(more).toEqual([]);
    expect(other).toMatchObject({ added: true, job: { id: job?.id } });
    expect(mine).toEqual({ added: false, existing: { queue: queue.name, jobId: job?.id } });
  });

  it("a producer that is killed keeps nobody out who cannot look into its queue, either", async () => {
    const [queue, other] = [scene.queue(bullmq), scene.queue(bullmq)];
    const scope = `services ${queue.name}`;
    await claimAndDie(queue.name, "until-executed", scope);
    const guard = scene.guard({ strategy: "until-executed", key, scope });
    expect((await guard.inspect("sales")).claim).toBeDefined();
    expect(await guard.add(other, "build", report)).toMatchObject({ added: true });
    await guard.release("sales");
  });

  it("until-expired: a producer that was slow has its window all the same", async () => {
    const queue = scene.queue(bullmq);
    const guard = scene.guard({ strategy: "until-expired", key, window: 60_000 });
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    const done = finished(worker);
    const claim = `claim:queue=${queue.name}:sales`;
    const slow = after(queue, "add", async () => {
      await done;
      await expect.poll(() => scene.locks.inspect(claim), { timeout: 10_000 }).toBeNull();
    });
    const gone = { removeOnComplete: true };
    expect(await guard.add(slow, "build", report, gone)).toMatchObject({ added: true });
    expect(await guard.add(queue, "build", report)).toMatchObject({ added: false });
  });

  it.each(["waits", "runs"])(
    "a claim that ended before its slow producer came back is taken again: the job %s",
    async (what) => {
      const queue = scene.queue(bullmq);
      const guard = scene.guard({ strategy: "until-executed", key, scope: `slow ${queue.name}` });
      const [begun, go] = [gate(), gate()];
      const work = guard.processor(async () => {
        begun.open();
        await go.opened;
      });
      if (what === "runs") await scene.worker(bullmq, queue.name, work);
      const claim = `claim:scope=${encodeURIComponent(`slow ${queue.name}`)}:sales`;
      const slow = after(queue, "add", async () => {
        if (what === "runs") await begun.opened;
        await expect.poll(() => scene.locks.inspect(claim), { timeout: 10_000 }).toBeNull();
      });
      const first = await guard.add(slow, "build", report);
      const existing = { queue: queue.name, jobId: first.added && first.job.id };
      expect(await guard.add(queue, "build", report)).toEqual({ added: false, existing });
      expect((await queue.getJobs()).map(({ id }) => id)).toEqual([existing.jobId]);
      go.open();
    },
  );

  it("a claim that its worker has ended is not taken again by a producer that hears of it late", async () => {
    const queue = scene.queue(bullmq);
    const guard = scene.guard({ strategy: "until-executed", key, scope: `late ${queue.name}` });
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
    );
    const done = finished(worker);
    const events = told(guard);
    expect(
      await guard.add(
        after(queue, "add", () => done),
        "build",
        report,
      ),
    ).toMatchObject({ added: true });
    expect((await guard.inspect("sales")).claim).toBeUndefined();
    expect(events).toEqual([]);
  });

  it("until-expired: a claim whose job could not be added is soon over", async () => {
    const queue = scene.queue(bullmq);
    const guard = scene.guard({ strategy: "until-expired", key, window: 60_000 });
    const broken = before(queue, "add", () => Promise.reject(new Error("broken")));
    await expect(guard.add(broken, "build", report)).rejects.toThrow("broken");
    const claim = `claim:queue=${queue.name}:sales`;
    expect(await scene.locks.inspect(claim)).not.toBeNull();
    await expect.poll(() => scene.locks.inspect(claim), { timeout: 10_000 }).toBeNull();
  });

  it("addBulk adds all or nothing, and gives all claims back", async () => {
    const queue = scene.queue(bullmq);
    const guard = scene.guard({ strategy: "until-executed", key });
    const jobs = [
      { name: "build", data: report },
      { name: "build", data: { report: "no Unicode: \ud800" } },
    ];
    await expect(guard.addBulk(queue, jobs)).rejects.toMatchObject({ code: "LOCK_USAGE" });
    expect((await guard.inspect("sales", queue.name)).claim).toBeUndefined();
    expect(await queue.getJobCountByTypes("wait")).toBe(0);
  });

  it("addBulk gives all claims back where one of its jobs is refused before any is added", async () => {
    const queue = scene.queue(bullmq);
    const guard = scene.guard({ strategy: "until-executed", key, onConflict: { enqueue: "throw" } });
    await queue.add("build", {}, { jobId: "mine" });
    const jobs = [
      { name: "build", data: report },
      { name: "build", data: { report: "stock" }, opts: { jobId: "mine" } },
    ];
    await expect(guard.addBulk(queue, jobs)).rejects.toMatchObject({ code: "JOB_DUPLICATE" });
    expect((await guard.inspect("sales", queue.name)).claim).toBeUndefined();
    expect(await queue.getJobCountByTypes("wait")).toBe(1);
  });

  it("works on queues that are paused, limited, and resumed", async () => {
    const queue = scene.queue(bullmq);
    const guard = scene.guard({ strategy: "until-executed", key });
    await queue.pause();
    const first = await guard.add(queue, "build", report);
    const existing = { queue: queue.name, jobId: first.added && first.job.id };
    expect(await guard.add(queue, "build", report)).toEqual({ added: false, existing });
    const limiter = { max: 1, duration: 200 };
    const worker = await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => "built"),
      { limiter },
    );
    const done = finished(worker);
    await queue.resume();
    await done;
    await guard.addBulk(queue, [
      { name: "build", data: report },
      { name: "build", data: { report: "stock" } },
    ]);
    await expect.poll(() => queue.getJobCountByTypes("completed"), { timeout: 20_000 }).toBe(3);
    expect((await guard.inspect("sales", queue.name)).claim).toBeUndefined();
  });
});

it("two majors of BullMQ, with a queue each, share the keys of one scope", async () => {
  const [six, five] = majors;
  if (six === undefined || five === undefined) throw new Error("two majors are needed");
  const [one, two] = [scene.queue(six.bullmq), scene.queue(five.bullmq)];
  const options = { key, scope: "reports", reschedule: { min: 20, max: 100 } } as const;
  const guard = scene.guard({ strategy: "until-and-while-executing", ...options });
  let running = 0;
  let most = 0;
  const work = guard.processor(async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 20));
    running -= 1;
  });
  const first = await guard.add(one, "build", report);
  const existing = { queue: one.name, jobId: first.added && first.job.id };
  expect(await guard.add(two, "build", report)).toEqual({ added: false, existing });
  for (const queue of [one, two]) {
    await queue.addBulk(Array.from({ length: 5 }, () => ({ name: "build", data: report })));
  }
  await scene.worker(six.bullmq, one.name, work, { concurrency: 3 });
  await scene.worker(five.bullmq, two.name, work, { concurrency: 3 });
  await expect.poll(() => one.getJobCountByTypes("completed"), { timeout: 20_000 }).toBe(6);
  await expect.poll(() => two.getJobCountByTypes("completed"), { timeout: 20_000 }).toBe(5);
  expect(most).toBe(1);
});

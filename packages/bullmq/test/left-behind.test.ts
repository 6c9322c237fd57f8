import { readdir, readFile } from "node:fs/promises";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { startFaultyProxy, startRedis } from "@lock/redis-harness";
import { gate, newestOrOlder } from "@lock/redis-harness/vitest";
import type { Queue } from "bullmq";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type GuardOptions, guardJobs, type JobFacts } from "../src/index.ts";
import { countOver, told } from "./support/events.ts";
import { type Bullmq, majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

/** Claims whose job ended where no guard ran, for producers that know nothing of its queue. */
const scene = useScene();
type Report = { report: string };
const key = ({ data }: JobFacts<Report>) => data.report;
const options = { strategy: "until-executed", key, scope: "left behind" } as const;
const LEFT = "LOCK_JOB_CLAIM_LEFT_BEHIND";
let reports = 0;
const newReport = () => ({ report: `left ${++reports}` });

let warnings: (Error & { code?: string; detail?: string })[] = [];
const warn = (warning: Error) => void warnings.push(warning);
beforeEach(() => {
  warnings = [];
  process.on("warning", warn);
});
afterEach(() => void process.off("warning", warn));

/** A producer in a process of its own, as far as the guard can tell: other locks, other queues. */
async function stranger(bullmq: Bullmq, url = scene.url, more: Partial<GuardOptions<Report>> = {}) {
  const client = new Redis(scene.url);
  const locks = createLocks({ backend: ioredisBackend(client) });
  const guard = guardJobs<Report>({ ...options, locks, ...more });
  const connection = { host: "127.0.0.1", port: Number(new URL(url).port), maxRetriesPerRequest: null };
  const queue = scene.queue(bullmq, undefined, { connection });
  const close = () => client.disconnect();
  return { guard, queue, [Symbol.dispose]: close };
}

type End = (queue: Queue, bullmq: Bullmq) => Promise<unknown>;
const unguarded =
  (work: () => Promise<unknown>, removed: object = {}): End =>
  async (queue, bullmq) => {
    const worker = await scene.worker(bullmq, queue.name, work, removed);
    await expect.poll(() => queue.getJobCountByTypes("wait", "active")).toBe(0);
    await worker.pause();
  };

/** Ways for a job to end without a guard. */
const ENDS: readonly (readonly [string, End])[] = [
  ["was removed by an operator", async (queue) => (await queue.getJobs())[0]?.remove()],
  ["was drained", (queue) => queue.drain(true)],
  ["was obliterated with its queue", (queue) => queue.obliterate({ force: true })],
  ["failed without a guard", unguarded(() => Promise.reject(new Error("failed")))],
  ["was completed without a guard", unguarded(async () => "built")],
  ["was completed and removed", unguarded(async () => "built", { removeOnComplete: { count: 0 } })],
  [
    "was failed by BullMQ for stalling",
    async (queue, bullmq) => {
      const [begun, go] = [gate(), gate()];
      const stalling = { stalledInterval: 200, maxStalledCount: 0, lockDuration: 400 };
      const hung = async () => {
        begun.open();
        await go.opened;
      };
      await scene.worker(bullmq, queue.name, hung, { ...stalling, lockRenewTime: 60_000 });
      await begun.opened;
      await scene.worker(bullmq, queue.name, scene.guard(options).processor(hung), stalling);
      await expect.poll(() => countOver(queue)).toEqual({ completed: 0, failed: 1 });
      go.open();
    },
  ],
];

describe.each(newestOrOlder(majors))("$name", ({ bullmq }) => {
  it.each(ENDS)("a claim is free at once where its job %s, and that is told once", async (_, end) => {
    const queue = scene.queue(bullmq);
    const report = newReport();
    const first = await scene.guard(options).add(queue, "build", report);
    await end(queue, bullmq);
    using other = await stranger(bullmq);
    const events = told(other.guard);
    const start = performance.now();
    expect(await other.guard.add(other.queue, "build", report)).toMatchObject({ added: true });
    expect(performance.now() - start).toBeLessThan(5_000);
    const from = { queue: queue.name, jobId: first.added && first.job.id };
    expect(events).toMatchObject([["takenOver", { key: report.report, from }]]);
    await expect.poll(() => warnings.map(({ code }) => code)).toEqual([LEFT]);
    expect(warnings[0]).toMatchObject({ name: "JobGuardWarning", detail: expect.stringContaining(LEFT) });
  });

  it("is told once, however many there are", async () => {
    const queue = scene.queue(bullmq);
    using other = await stranger(bullmq);
    const all = [newReport(), newReport(), newReport()];
    for (const report of all) await scene.guard(options).add(queue, "build", report);
    await queue.drain();
    const events = told(other.guard);
    for (const report of all) await other.guard.add(other.queue, "build", report);
    expect(events.map(([name]) => name)).toEqual(all.map(() => "takenOver"));
    await expect.poll(() => warnings.map(({ code }) => code)).toEqual([LEFT]);
  });

  it.each([
    ["waits", { delay: 60_000 }],
    ["waits, with an id of its producer's", { delay: 60_000, jobId: "mine" }],
  ])("a job that %s keeps its key, however often it is asked for", async (_, jobOptions) => {
    const queue = scene.queue(bullmq);
    const report = newReport();
    const added = await scene.guard(options).add(queue, "build", report, jobOptions);
    using other = await stranger(bullmq);
    const existing = { queue: queue.name, jobId: added.added && added.job.id };
    for (let times = 0; times < 3; times++) {
      expect(await other.guard.add(other.queue, "build", report)).toEqual({ added: false, existing });
    }
    expect(warnings).toEqual([]);
  });

  it("a job that is missing on another server says nothing, nor does another job with its id", async () => {
    await using redis = await startRedis();
    const queue = scene.queue(bullmq);
    const report = newReport();
    const jobOptions = { delay: 60_000, jobId: "same" };
    await scene.guard(options).add(queue, "build", report, jobOptions);
    using other = await stranger(bullmq, redis.url);
    const existing = { queue: queue.name, jobId: "same" };
    expect(await other.guard.add(other.queue, "build", report)).toEqual({ added: false, existing });
    const connection = { host: "127.0.0.1", port: Number(new URL(redis.url).port) };
    const namesake = scene.queue(bullmq, queue.name, { connection });
    await namesake.add("build", report, { jobId: "same" });
    await scene.worker(bullmq, queue.name, async () => "built", {
      connection: { ...connection, maxRetriesPerRequest: null },
    });
    await expect.poll(() => countOver(namesake)).toEqual({ completed: 1, failed: 0 });
    for (const theirs of [other.queue, namesake]) {
      expect(await other.guard.add(theirs, "build", report)).toEqual({ added: false, existing });
    }
    expect(warnings).toEqual([]);
  });

  it("a database of the same server is another store", async () => {
    const queue = scene.queue(bullmq);
    const report = newReport();
    await scene.guard(options).add(queue, "build", report, { delay: 60_000 });
    using other = await stranger(bullmq);
    const port = Number(new URL(scene.url).port);
    const elsewhere = scene.queue(bullmq, undefined, { connection: { host: "127.0.0.1", port, db: 1 } });
    expect(await other.guard.add(elsewhere, "build", report)).toMatchObject({ added: false });
  });

  it("a claim that could not be ended with its job is told, and is free for the next add", async () => {
    const proxy = await startFaultyProxy({ host: "127.0.0.1", port: Number(new URL(scene.url).port) });
    const client = new Redis(proxy.url).on("error", () => undefined);
    const locks = createLocks({ backend: ioredisBackend(client, { requestTimeout: 1_000 }) });
    const guard = guardJobs<Report>({ ...options, locks });
    const events = told(guard);
    const queue = scene.queue(bullmq);
    const report = newReport();
    await scene.worker(
      bullmq,
      queue.name,
      guard.processor(() => proxy.blackhole()),
    );
    const added = await scene.guard(options).add(queue, "build", report);
    await expect.poll(() => countOver(queue)).toEqual({ completed: 1, failed: 0 });
    const job = { queue: queue.name, jobId: added.added && added.job.id };
    expect(events).toEqual([["leftBehind", { key: report.report, job }]]);
    await expect.poll(() => warnings.map(({ code }) => code)).toEqual([LEFT]);
    using other = await stranger(bullmq);
    expect(await other.guard.add(other.queue, "build", report)).toMatchObject({ added: true });
    client.disconnect();
    await proxy.stop();
  });
});

it("has a page for each code", async () => {
  const help = new URL("../help/", import.meta.url);
  const src = new URL("../src/", import.meta.url);
  const sources = await Promise.all((await readdir(src)).map((file) => readFile(new URL(file, src), "utf8")));
  const codes = new Set(sources.join().match(/LOCK_JOB_[A-Z_]+/g));
  expect(codes.size).toBeGreaterThan(1);
  expect((await readdir(help)).toSorted()).toEqual([...codes].map((code) => `${code}.md`).toSorted());
  for (const code of codes) {
    expect(await readFile(new URL(`${code}.md`, help), "utf8")).toContain(`# ${code}`);
  }
});

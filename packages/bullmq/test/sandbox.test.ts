import { fileURLToPath } from "node:url";
import { expect, newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, it } from "vitest";
import type { JobFacts } from "../src/index.ts";
import { majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
const [file, next] = ["sandboxed", "sandboxed-next"].map((name) => {
  return fileURLToPath(new URL(`./support/${name}.mjs`, import.meta.url));
});

describe.concurrent.each(newestOrOlder(majors))("$name: a sandboxed processor", ({ bullmq }) => {
  it("is guarded in its own process: jobs of one key follow each other, and no attempt is counted", async () => {
    const queue = scene.queue(bullmq);
    const jobs = Array.from({ length: 4 }, () => ({ name: "build", data: { report: "sales" } }));
    await queue.addBulk(jobs);
    process.env.TEST_REDIS_URL = scene.url;
    await scene.worker(bullmq, queue.name, `${file}`, { concurrency: 2 });
    await expect
      .poll(async () => await queue.getJobCounts("completed", "failed"), { timeout: 30_000 })
      .toEqual({ completed: 4, failed: 0 });
    const done = await queue.getJobs(["completed"]);
    const runs = done.map((job) => job.returnvalue).toSorted((a, b) => a.fence - b.fence);
    for (const [at, run] of runs.entries()) {
      const before = runs[at - 1];
      if (before !== undefined) expect(run.begun).toBeGreaterThanOrEqual(before.ended);
    }
    expect(new Set(runs.map(({ pid }) => pid)).has(process.pid)).toBe(false);
    expect(done.map(({ attemptsMade }) => attemptsMade)).toEqual([1, 1, 1, 1]);
  });

  it("ends the claim that its job remembers", async () => {
    const key = ({ data }: JobFacts<{ report: string }>) => data.report;
    const guard = scene.guard({ strategy: "until-executed", scope: "sandboxed", key });
    const [queue, other] = [scene.queue(bullmq), scene.queue(bullmq)];
    const report = { report: queue.name };
    await guard.add(queue, "build", report, { attempts: 2 });
    process.env.TEST_REDIS_URL = scene.url;
    await scene.worker(bullmq, queue.name, `${next}`);
    await expect.poll(() => queue.getCompletedCount(), { timeout: 30_000 }).toBe(1);
    expect((await guard.inspect(queue.name)).claim).toBeUndefined();
    expect(await guard.add(other, "build", report)).toMatchObject({ added: true });
  });
});

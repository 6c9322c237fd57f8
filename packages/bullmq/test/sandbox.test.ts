import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { majors } from "./support/majors.ts";
import { useScene } from "./support/scene.ts";

const scene = useScene();
const file = fileURLToPath(new URL("./support/sandboxed.mjs", import.meta.url));

describe.each(majors)("$name: a sandboxed processor", ({ bullmq }) => {
  it("is guarded in its own process: jobs of one key follow each other, and no attempt is counted", async () => {
    const queue = scene.queue(bullmq);
    const jobs = Array.from({ length: 4 }, () => ({ name: "build", data: { report: "sales" } }));
    await queue.addBulk(jobs);
    process.env.TEST_REDIS_URL = scene.url;
    await scene.worker(bullmq, queue.name, file, { concurrency: 2 });
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
});

import { setTimeout as pause } from "node:timers/promises";
import { fewOrMany, newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { majors } from "../support/majors.ts";
import { said, start } from "../support/process.ts";
import { useScene } from "../support/scene.ts";

const scene = useScene();
const JOBS = fewOrMany(120, 4_000);
const KEYS = 10;
/** Two of them are killed and two stopped on the way. */
const WORKERS = fewOrMany(4, 8);

interface Act {
  readonly run: string;
  readonly fence: number;
  readonly now: number;
}

/** Pairs of runs of one key of which each acted, believing in its lease, while the other one did. */
function overlaps(acts: readonly Act[]): string[] {
  const runs = new Map<string, { from: number; to: number }>();
  for (const { run, fence, now } of acts) {
    const seen = runs.get(`${run} ${fence}`) ?? { from: now, to: now };
    runs.set(`${run} ${fence}`, { from: Math.min(seen.from, now), to: Math.max(seen.to, now) });
  }
  const found: string[] = [];
  let last = { name: "", to: 0 };
  for (const [name, { from, to }] of [...runs].toSorted(([, a], [, b]) => a.from - b.from || a.to - b.to)) {
    if (last.to > from) found.push(`${last.name} / ${name}`);
    if (to > last.to) last = { name, to };
  }
  return found;
}

describe.each(newestOrOlder(majors))("$name", ({ name, bullmq }) => {
  it(`${WORKERS} workers, 2 queues, ${JOBS} jobs of 10 keys, killed and stopped on the way: no two runs of a key overlap`, async () => {
    await scene.redis.flushall();
    const queues = [scene.queue(bullmq), scene.queue(bullmq)];
    const args = [scene.url, name.slice(-1), ...queues.map((queue) => queue.name)];
    for (const queue of queues) {
      const jobs = Array.from({ length: JOBS / 2 }, (_, at) => ({
        name: "build",
        data: { report: at % KEYS },
        opts: { attempts: 5 },
      }));
      await queue.addBulk(jobs);
    }
    const workers = Array.from({ length: WORKERS }, () => start("worker", ...args));
    await Promise.all(workers.map((worker) => said(worker)));
    const [killed, alsoKilled, stopped, alsoStopped] = workers;
    await pause(1_000);
    killed?.kill("SIGKILL");
    stopped?.kill("SIGSTOP");
    await pause(2_500);
    stopped?.kill("SIGCONT");
    alsoKilled?.kill("SIGKILL");
    alsoStopped?.kill("SIGSTOP");
    await pause(2_500);
    alsoStopped?.kill("SIGCONT");
    const counts = async () => {
      const each = await Promise.all(queues.map((queue) => queue.getJobCounts("completed", "failed")));
      return each.reduce<number>((sum, { completed = 0 }) => sum + completed, 0);
    };
    await expect.poll(counts, { timeout: 150_000, interval: 250 }).toBe(JOBS);
    for (const worker of workers) worker.kill("SIGKILL");
    const lost = new Set(await scene.redis.lrange("lost", 0, -1));
    for (const queue of queues) {
      expect(await queue.getJobCounts("failed")).toEqual({ failed: 0 });
      const jobs = await queue.getJobs(["completed"]);
      const tried = jobs.filter((job) => job.attemptsMade > 1 && !lost.has(`${queue.name} ${job.id}`));
      expect(tried.map((job) => job.id)).toEqual([]);
    }
    let acts = 0;
    for (let report = 0; report < KEYS; report++) {
      const entries = (await scene.redis.lrange(`acts:${report}`, 0, -1)).map(
        (entry): Act => JSON.parse(entry),
      );
      acts += entries.length;
      expect(overlaps(entries)).toEqual([]);
    }
    expect(acts).toBeGreaterThanOrEqual(JOBS * 3);
  }, 900_000);
});

it("the checker finds two runs that overlap, and none that only follow each other", () => {
  const act = (run: string, now: number) => ({ run, fence: 1, now });
  expect(overlaps([act("a", 1), act("b", 2), act("a", 3)])).toHaveLength(1);
  expect(overlaps([act("a", 1), act("a", 3), act("b", 3), act("b", 4)])).toEqual([]);
});

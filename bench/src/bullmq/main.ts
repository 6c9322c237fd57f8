import { type AddResult, guardJobs, type Strategy } from "@lock/bullmq";
import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { startRedis } from "@lock/redis-harness";
import { type Job, Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { median } from "../stats.ts";

/** What guarding jobs of distinct keys costs: jobs per second, added and run, to the same jobs without a guard. */
const STRATEGIES: readonly Strategy[] = [
  "until-executing",
  "until-executed",
  "until-expired",
  "while-executing",
  "until-and-while-executing",
];
const ROUNDS = 9;
const JOBS = 1_500;
const CONCURRENCY = 50;
const LEAST_RATIO = 0.8;

type Add = (queue: Queue, report: number) => Promise<unknown>;
type Work = (job: Job, token?: string, signal?: AbortSignal) => Promise<unknown>;

let queues = 0;

/** Jobs per second: `CONCURRENCY` producers add them, and one worker runs as many at a time. */
async function round(port: number, add: Add, work: Work): Promise<number> {
  const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null };
  const name = `bench-${++queues}`;
  const queue = new Queue(name, { connection, defaultJobOptions: { removeOnComplete: true } });
  const worker = new Worker(name, work, { connection, concurrency: CONCURRENCY });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  let done = 0;
  const allDone = new Promise<void>((resolve, reject) => {
    worker.on("completed", () => ++done === JOBS && resolve());
    worker.on("failed", (_job, error) => reject(error));
  });
  const start = performance.now();
  let next = 0;
  const produce = async () => {
    while (next < JOBS) await add(queue, queues * JOBS + next++);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, produce));
  await allDone;
  const rate = (JOBS / (performance.now() - start)) * 1_000;
  await worker.close();
  await queue.close();
  return rate;
}

function guarded(locks: Locks, strategy: Strategy): readonly [Add, Work] {
  const window = strategy === "until-expired" ? 60_000 : undefined;
  const guard = guardJobs({ locks, strategy, key: { hash: "data" }, ...(window && { window }) });
  const add: Add = async (queue, report) => {
    const result: AddResult<Job> = await guard.add(queue, "build", { report });
    if (!result.added) throw new Error("a job of a key of its own was refused");
  };
  return [add, guard.processor<Job, string>(() => "built")];
}

await using server = await startRedis();
const port = Number(new URL(server.url).port);
const redis = new Redis(server.url);
const locks = createLocks({ backend: ioredisBackend(redis) });
const plain: readonly [Add, Work] = [(queue, report) => queue.add("build", { report }), async () => "built"];
const ways = new Map([["plain", plain], ...STRATEGIES.map((way) => [way, guarded(locks, way)] as const)]);
const rates = new Map([...ways.keys()].map((way) => [way, [] as number[]]));
for (const [add, work] of ways.values()) await round(port, add, work);
for (let at = 1; at <= ROUNDS; at++) {
  for (const [way, [add, work]] of ways) rates.get(way)?.push(await round(port, add, work));
  console.error(`round ${at} of ${ROUNDS}`);
}
await locks.close();
redis.disconnect();

const base = rates.get("plain") ?? [];
const rows = [...rates].map(([way, all]) => {
  const ratio = median(all.map((rate, index) => rate / (base[index] ?? Number.NaN)));
  return { way, "jobs/s": Math.round(median(all)), "to plain": ratio.toFixed(2), met: ratio >= LEAST_RATIO };
});
console.table(rows);
console.log(
  `Medians of ${ROUNDS} interleaved rounds of ${JOBS} jobs, concurrency ${CONCURRENCY}; at least ${LEAST_RATIO} is wanted.`,
);

import { type AddResult, type GuardOptions, guardJobs, type JobFacts } from "@lock/bullmq";
import { createLocks, type LocksWithoutPermits } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { type Job, Queue, Worker } from "bullmq";

type Report = { report: string };
const locks: LocksWithoutPermits = createLocks({ backend: inProcessBackend() });
export const options: GuardOptions<Report> = {
  locks,
  strategy: "until-and-while-executing",
  key: ({ data }: JobFacts<Report>) => data.report,
  onConflict: { enqueue: "skip", execute: ({ jobId }) => (jobId === "" ? "fail" : "reschedule") },
};
const guard = guardJobs(options);
const connection = { host: "127.0.0.1", port: 6379 };

export async function use(): Promise<void> {
  const queue = new Queue<Report, number>("reports", { connection });
  const result: AddResult<Job<Report, number>> = await guard.add(
    queue,
    "build",
    { report: "sales" },
    { delay: 5 },
  );
  if (result.added) console.log(result.job.data.report);
  else console.log(result.existing.jobId);
  // @ts-expect-error: this queue takes reports
  await guard.add(queue, "build", { page: 1 });
  const all = await guard.addBulk(queue, [{ name: "build", data: { report: "stock" } }]);
  console.log(all.length);
  const work = guard.processor(async (job: Job<Report, number>, { lease, signal, fencingToken }) => {
    signal.throwIfAborted();
    return job.data.report.length + (fencingToken ?? 0) + (lease?.validFor ?? 0);
  });
  const worker: Worker<Report, number> = guard.attach(
    new Worker<Report, number>("reports", work, { connection }),
  );
  guard.on("lost", ({ key, job, error }) => console.log(key, job.jobId, error.message));
  await worker.close();
}

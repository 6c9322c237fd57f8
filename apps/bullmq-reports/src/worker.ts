import { once } from "node:events";
import { redisUrlOfParent, runWorker } from "@lock/demo-kit";
import { openClient, openLocks } from "@lock/demo-kit/clients";
import { Worker } from "bullmq";
import { Builder } from "./build.ts";
import { bullmqOptions } from "./connections.ts";
import { openGuards } from "./guards.ts";
import { type FromWorker, QUEUES, type ReportJob, type ToProcess, type WorkerTask } from "./messages.ts";
import { Store } from "./store.ts";

const BULLMQ = { concurrency: 8, lockDuration: 1_500, stalledInterval: 500, maxStalledCount: 10 };

// One worker process, for both queues; crew.ts starts three.
await runWorker<ToProcess, FromWorker>(async (main) => {
  // crew.ts wrote it, with the same type.
  const task = main.argument as WorkerTask;
  const url = redisUrlOfParent();
  const client = openClient(url);
  using _client = { [Symbol.dispose]: () => client.disconnect() };
  await using opened = openLocks(url, { prefix: task.prefix, holder: task.worker });
  const builder = new Builder(task, new Store(client, task.prefix), main);
  const { alone } = openGuards(opened.locks);
  const work = task.guarded
    ? alone.processor((job: ReportJob, { signal, fencingToken }) => builder.build(job, signal, fencingToken))
    : (job: ReportJob) => builder.build(job, undefined, undefined);
  const workers = QUEUES.map((name) => {
    const worker = new Worker(name, work, { ...BULLMQ, ...bullmqOptions(url, task.prefix) });
    return task.guarded ? alone.attach(worker) : worker;
  });
  for (const worker of workers) {
    // What a stale run hears when it reports to BullMQ: its lock of the job is gone.
    worker.on("error", () => undefined);
    worker.on("failed", (job, error) => {
      main.send({ kind: "failed", report: job?.data.report ?? "a report", reason: error.message });
    });
  }
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  main.send({ kind: "ready", pid: process.pid });
  if (!main.stop.aborted) await once(main.stop, "abort");
  await Promise.all(workers.map((worker) => worker.close()));
});

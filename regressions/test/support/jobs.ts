import { type GuardOptions, guardJobs, type JobFacts, type JobGuard } from "@lock/bullmq";
import { type Processor, Queue, Worker, type WorkerOptions } from "bullmq";
import { afterAll } from "vitest";
import type { Scene } from "./scene.ts";

export interface Report {
  readonly report: string;
}

export const keyOf = ({ data }: JobFacts<Report>): string => data.report;
/** A report that no other test asks for. */
export const newReport = (): Report => ({ report: `report ${++reports}` });
let reports = 0;

export interface Jobs {
  queue(name?: string): Queue;
  worker(queue: Queue, work: Processor | string, options?: Partial<WorkerOptions>): Promise<Worker>;
  guard(
    options: Omit<GuardOptions<Report>, "locks" | "key"> & { key?: GuardOptions<Report>["key"] },
  ): JobGuard;
}

/** Queues, workers and guards on the server of the file; all are closed after its last test. */
export function useJobs(scene: Scene): Jobs {
  const open: { close(): Promise<unknown> }[] = [];
  afterAll(() => Promise.all(open.map((one) => one.close())));
  const connection = () => ({ host: "127.0.0.1", port: scene.server.port, maxRetriesPerRequest: null });
  let queues = 0;
  return {
    queue: (name = `queue-${++queues}`) => {
      const queue = new Queue(name, { connection: connection() });
      open.push(queue);
      return queue;
    },
    worker: async (queue, work, options = {}) => {
      const worker = new Worker(queue.name, work, { connection: connection(), ...options });
      worker.on("error", () => undefined);
      open.unshift({ close: () => worker.close(true) });
      await worker.waitUntilReady();
      return worker;
    },
    guard: (options) => guardJobs<Report>({ key: keyOf, locks: scene.open().locks, ...options }),
  };
}

/** Two workers whose jobs stall soon, when their lock is not renewed. */
export const STALLING = { lockDuration: 500, stalledInterval: 200, maxStalledCount: 0 };

import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { useOwnTests, useRedis, whenOver } from "@lock/redis-harness/vitest";
import type { Processor, Queue, QueueOptions, Worker, WorkerOptions } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, beforeAll } from "vitest";
import { type GuardOptions, guardJobs, type JobGuard } from "../../src/index.ts";
import type { Bullmq } from "./majors.ts";

/** Queues, workers and locks on a Redis of their own; what a test opens is closed when it ends. Tests may run at the same time. */
export interface Scene {
  readonly locks: Locks;
  readonly redis: Redis;
  readonly url: string;
  /** A name that no other test uses. */
  name(): string;
  queue(bullmq: Bullmq, name?: string, options?: Partial<QueueOptions>): Queue;
  worker(
    bullmq: Bullmq,
    queue: string,
    work: Processor | string,
    options?: Partial<WorkerOptions>,
  ): Promise<Worker>;
  guard<Data = unknown>(options: Omit<GuardOptions<Data>, "locks">): JobGuard;
}

export function useScene(): Scene {
  useOwnTests();
  const server = useRedis();
  let redis: Redis | undefined;
  let locks: Locks | undefined;
  let names = 0;
  beforeAll(() => {
    redis = new Redis(server.url);
    locks = createLocks({ backend: ioredisBackend(redis, { requestTimeout: 10_000 }) });
  });
  afterAll(async () => {
    await locks?.close();
    redis?.disconnect();
  });
  const there = <T>(what: T | undefined): T => {
    if (what === undefined) throw new Error("the scene is there only within tests");
    return what;
  };
  const connection = () => ({
    host: "127.0.0.1",
    port: Number(new URL(server.url).port),
    maxRetriesPerRequest: null,
  });
  const name = () => `queue-${++names}`;
  return {
    get locks() {
      return there(locks);
    },
    get redis() {
      return there(redis);
    },
    get url() {
      return server.url;
    },
    name,
    queue: ({ Queue }, queueName = name(), options = {}) => {
      const queue = new Queue(queueName, { connection: connection(), ...options });
      whenOver(() => queue.close());
      return queue;
    },
    worker: async ({ Worker }, queue, work, options = {}) => {
      const worker = new Worker(queue, work, { connection: connection(), ...options });
      worker.on("error", () => undefined);
      whenOver(() => worker.close(true));
      await worker.waitUntilReady();
      return worker;
    },
    guard: (options) => guardJobs({ locks: there(locks), ...options }),
  };
}

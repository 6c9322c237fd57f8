import type { Job } from "bullmq";

/** The services that ask for reports; each has a queue of its own. */
export const QUEUES = ["web", "nightly"] as const;
export const WORKERS = ["worker-1", "worker-2", "worker-3"] as const;

export type QueueName = (typeof QUEUES)[number];

/** The payload of a job. */
export interface Report {
  readonly report: string;
}
export type ReportJob = Job<Report, void, string>;

interface Task {
  /** Of all keys: each run of the demo has one of its own, also on a Redis that others use. */
  readonly prefix: string;
  readonly guarded: boolean;
}

/** What a producer process is. */
export interface ProducerTask extends Task {
  readonly queue: QueueName;
}

/** What a worker process is. */
export interface WorkerTask extends Task {
  readonly worker: string;
  /** Which of its builds it stops in the middle of, from 1, to meet its fate; undefined for one that is spared. */
  readonly fatefulBuild: number | undefined;
}

/** To a producer: begin to ask. To a worker: go on with the build that you stopped in the middle of. */
export type ToProcess = { readonly kind: "go" };

export type FromProducer = { readonly kind: "ready" } | { readonly kind: "asked"; readonly told: Asked };

/** A request, and whether a job came of it. */
export interface Asked {
  readonly report: string;
  readonly added: boolean;
}

/** One run of a job, which builds a report. */
export interface Run {
  readonly report: string;
  readonly queue: string;
  readonly job: string;
  readonly worker: string;
  /** Of all runs of a job, and of all jobs, this one. */
  readonly run: string;
  /** Undefined without the guard. */
  readonly fence: number | undefined;
}

/** A write that a worker tried, and what the store said. */
export interface Write extends Run {
  readonly step: Step;
  readonly outcome: "accepted" | "refused";
}

export type FromWorker =
  | { readonly kind: "ready"; readonly pid: number }
  | { readonly kind: "wrote"; readonly write: Write }
  /** After step 1 of its fateful build: it waits to be killed, or to be told to go on. */
  | { readonly kind: "middle"; readonly report: string; readonly job: string; readonly run: string }
  | { readonly kind: "over"; readonly run: string }
  /** BullMQ gave up a job, or will try it again. */
  | { readonly kind: "failed"; readonly report: string; readonly reason: string };

export const STEPS = ["1", "2", "3", "4"] as const;
export type Step = "begin" | (typeof STEPS)[number] | "finished";

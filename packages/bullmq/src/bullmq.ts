/**
 * What is needed of BullMQ, by its shape: versions 5 and 6 have different classes, and a queue may be kept in another
 * store than Redis.
 */

/** A job as the guard needs it. */
export interface JobLike {
  readonly id?: string | undefined;
  readonly name: string;
  readonly data: unknown;
  readonly queueName: string;
  readonly queueQualifiedName?: string | undefined;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly attemptsMade: number;
  readonly attemptsStarted: number;
  readonly opts: { readonly attempts?: number | undefined; readonly delay?: number | undefined };
  /** Of a flow. */
  readonly parent?: object | undefined;
  /** Of a scheduler. */
  readonly repeatJobKey?: string | undefined;
  moveToDelayed(timestamp: number, token?: string): Promise<void>;
}

/** A job that was added to a queue. */
export interface AddedJob extends JobLike {
  getState(): Promise<string>;
  remove(): Promise<void>;
  updateData(data: unknown): Promise<void>;
}

/** A queue as the guard needs it. */
export interface QueueLike {
  readonly name: string;
  /** With its prefix. */
  readonly qualifiedName?: string;
  add(name: string, data: unknown, options?: object): Promise<AddedJob>;
  addBulk(jobs: { name: string; data: unknown; opts?: object }[]): Promise<AddedJob[]>;
  getJob(jobId: string): Promise<AddedJob | null | undefined>;
}

/** A worker as the guard needs it. */
export interface WorkerLike {
  /** Of its queue. */
  readonly name: string;
  readonly qualifiedName?: string;
  readonly opts: { readonly maxStartedAttempts?: number | undefined };
  on(event: "lockRenewalFailed", listener: (jobIds: string[]) => void): unknown;
}

/** The options of a job that concern the guard. */
export interface JobOptions {
  readonly jobId?: string | undefined;
  readonly parent?: object | undefined;
  readonly repeat?: object | undefined;
}

/** BullMQ tells its own errors by these names as well: whoever throws one needs no copy of it. */
export function bullmqError(name: "DelayedError" | "UnrecoverableError", message: string): Error {
  return Object.assign(new Error(message), { name });
}

/** After these the job goes on later, and no attempt is counted. */
const COMES_BACK = ["DelayedError", "WaitingError", "WaitingChildrenError", "RateLimitError"];

/** Whether a job whose processor throws this will not be run again. */
export function isFinal(job: JobLike, error: unknown): boolean {
  const { name } = Object(error);
  if (COMES_BACK.includes(name)) return false;
  return name === "UnrecoverableError" || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
}

/** Whether a job in this state has not begun. */
export function isWaiting(state: string): boolean {
  return ["waiting", "wait", "paused", "delayed", "prioritized", "waiting-children"].includes(state);
}

/** Whether a job in this state will not run again by itself. */
export function isOver(state: string): boolean {
  return ["completed", "failed", "unknown"].includes(state);
}

/**
 * What is needed of BullMQ, by its shape: versions 5 and 6 have different classes, and a queue may be kept in another
 * store than Redis.
 */
import type { JobOwner } from "./options.ts";

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
  /** Of the attempts that failed; they outlast `retry`, whatever it sets back. */
  readonly stacktrace?: readonly string[] | null | undefined;
  readonly opts: {
    readonly attempts?: number | undefined;
    readonly delay?: number | undefined;
    /** What `add` remembered; BullMQ keeps options that it does not know, and changes none. */
    readonly guard?: unknown;
  };
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
  readonly defaultJobOptions?: { readonly delay?: number | undefined };
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
  readonly delay?: number | undefined;
}

const DEFAULT_PREFIX = "bull";

/** How guards name a queue: by its name, or, where BullMQ has another prefix than its own for it, by `<prefix>:<name>`. */
export function queueId({ name, qualifiedName = name }: Pick<QueueLike, "name" | "qualifiedName">): string {
  const isUsual = qualifiedName.startsWith(`${DEFAULT_PREFIX}:`);
  return isUsual ? qualifiedName.slice(DEFAULT_PREFIX.length + 1) : qualifiedName;
}

export function ownerOf({ id = "", queueName, queueQualifiedName }: JobLike): JobOwner {
  return { queue: queueId({ name: queueName, qualifiedName: queueQualifiedName ?? queueName }), jobId: id };
}

export function isSameJob(one: JobOwner | undefined, other: JobOwner): boolean {
  return one?.queue === other.queue && one.jobId === other.jobId;
}

/** BullMQ tells its own errors by these names as well: a processor that throws one needs no copy of it. */
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

/** Whether a job in this state will not run again by itself. */
export function isOver(state: string): boolean {
  return ["completed", "failed", "unknown"].includes(state);
}

/** Whether a job in this state has not begun. */
export function isWaiting(state: string): boolean {
  return state !== "active" && !isOver(state);
}

/** Removes a job, unless it is being worked on by now. */
export function isRemoved(job: AddedJob): Promise<boolean> {
  return job.remove().then(
    () => true,
    () => false,
  );
}

/** What both majors' queues have beside what is needed of every queue. */
interface OpenQueue extends QueueLike {
  readonly opts?: object;
  /** BullMQ 5. */
  readonly client?: Promise<ClientLike>;
  /** BullMQ 6. */
  readonly backendFactory?: unknown;
  getBackend?(): { readonly client?: Promise<ClientLike> };
  on?(event: "error", listener: () => void): unknown;
  close?(): Promise<void>;
}

interface ClientLike {
  readonly options?: { readonly db?: number };
  info(): Promise<string>;
}

type QueueClass = new (name: string, opts: object, backendFactory?: unknown) => OpenQueue;

async function clientOf(queue: OpenQueue): Promise<ClientLike | undefined> {
  return queue.client ?? queue.getBackend?.().client;
}

/**
 * Which server and database keep a queue: the id that a Redis makes anew with each start. Undefined where that cannot
 * be told: of a cluster, which has no database of a number, of another store, or a server that does not say.
 */
export async function storeOf(queue: QueueLike): Promise<string | undefined> {
  try {
    const client = await clientOf(queue);
    const db = client?.options?.db;
    if (db === undefined) return undefined;
    const [, server] = /^run_id:(\w+)/m.exec(`${await client?.info()}`) ?? [];
    return server && `${server}/${db}`;
  } catch {
    return undefined;
  }
}

/**
 * Asks the queue of that name beside another one: in the same store, over the same connection. Undefined where there is
 * no way to, or no answer.
 */
export async function besides<T>(
  own: OpenQueue,
  id: string,
  ask: (queue: QueueLike) => Promise<T>,
): Promise<T | undefined> {
  const { constructor: Queue, opts, backendFactory } = own;
  // A class with a constructor of its own may do anything.
  if (Queue.length < 2) return undefined;
  const [, prefix = DEFAULT_PREFIX, name = id] = /^(.*):(.*)$/.exec(id) ?? [];
  let queue: OpenQueue | undefined;
  try {
    const client = await clientOf(own);
    const shared = { ...opts, prefix, skipMetasUpdate: true, ...(client && { connection: client }) };
    queue = new (Queue as QueueClass)(name, shared, backendFactory);
    queue.on?.("error", () => undefined);
    return queueId(queue) === id ? await ask(queue) : undefined;
  } catch {
    return undefined;
  } finally {
    await queue?.close?.().catch(() => undefined);
  }
}

import type { JobLike, QueueLike } from "./bullmq.ts";
import type { JobOwner } from "./options.ts";

const DEFAULT_PREFIX = "bull:";

/** How guards name a queue: by its name, or, where BullMQ has another prefix than its own for it, by `<prefix>:<name>`. */
export function queueId({
  name,
  qualifiedName = name,
}: {
  readonly name: string;
  readonly qualifiedName?: string;
}): string {
  return qualifiedName.startsWith(DEFAULT_PREFIX)
    ? qualifiedName.slice(DEFAULT_PREFIX.length)
    : qualifiedName;
}

export function ownerOf({ id = "", queueName, queueQualifiedName }: JobLike): JobOwner {
  return { queue: queueId({ name: queueName, qualifiedName: queueQualifiedName ?? queueName }), jobId: id };
}

/** The job that holds a claim or a lease, as its `meta` tells; undefined where no guard has written it. */
export function ownerIn({ queue, jobId }: Readonly<Record<string, string>>): JobOwner | undefined {
  return queue === undefined || jobId === undefined ? undefined : { queue, jobId };
}

export function isSameJob(one: JobOwner | undefined, other: JobOwner): boolean {
  return one?.queue === other.queue && one.jobId === other.jobId;
}

/** The queues that a guard has added jobs to: those that it can ask. */
export class Queues {
  readonly #known = new Map<string, QueueLike>();

  note(queue: QueueLike): void {
    this.#known.set(queueId(queue), queue);
  }

  /** Undefined where the queue cannot be asked. `own`: that of who asks. */
  async stateOf(
    { queue, jobId }: JobOwner,
    own: QueueLike,
  ): Promise<{ readonly job: Awaited<ReturnType<QueueLike["getJob"]>>; readonly state: string } | undefined> {
    const isOwn = queueId(own) === queue;
    const known = isOwn ? own : this.#known.get(queue);
    if (known === undefined) return undefined;
    try {
      const job = await known.getJob(jobId);
      return { job, state: job ? await job.getState() : "unknown" };
    } catch (error) {
      // Somebody has closed the other queue.
      if (isOwn) throw error;
      return undefined;
    }
  }
}

import { createHash } from "node:crypto";
import { LockUsageError } from "@lock/core";
import { withoutSecrets } from "@lock/core/adapter";
import type { JobLike } from "./bullmq.ts";
import type { GuardOptions, HashedKey, JobFacts } from "./options.ts";

/** Names the locks of a job. */
export class JobKeys {
  constructor(private readonly options: Pick<GuardOptions, "key" | "scope">) {}

  /**
   * The key of a job that is to be added.
   * @throws LockUsageError where its guard makes none
   */
  of(job: JobFacts): string {
    return this.#of({ ...job, data: asStored(job.data) });
  }

  /** The key of a job as its queue keeps it. @throws as `of` */
  ofStored({ queueName, name, data }: JobLike): string {
    return this.#of({ queue: queueName, name, data });
  }

  #of(job: JobFacts): string {
    const { key } = this.options;
    const made: unknown = typeof key === "function" ? call(key, job) : hashOf(job, key.hash);
    if (typeof made === "string" && made !== "") return made;
    throw noKey(job, `the function gave ${made === "" ? "an empty string" : typeof made}`);
  }

  /** What `add` claims. */
  claim(key: string, queue: string): string {
    return `claim:${this.#scope(queue)}:${key}`;
  }

  /** What is held while a job runs. */
  run(key: string, queue: string): string {
    return `run:${this.#scope(queue)}:${key}`;
  }

  /** Encoded, so that no scope can end where a key begins. */
  #scope(queue: string): string {
    const { scope = "queue" } = this.options;
    if (scope === "queue") return `queue=${encodeURIComponent(queue)}`;
    return scope === "global" ? "global" : `scope=${encodeURIComponent(scope)}`;
  }
}

function call(key: (job: JobFacts) => unknown, facts: JobFacts): unknown {
  try {
    return key(facts);
  } catch (error) {
    const cause = withoutSecrets(error);
    throw noKey(facts, `the function threw ${cause.name}: ${cause.message}`, cause);
  }
}

function noKey({ queue, name }: JobFacts, problem: string, cause?: Error): LockUsageError {
  return new LockUsageError(
    `job "${name}" of the queue "${queue}" has no key, ${problem}: make a string of what tells two jobs apart, such as ({ data }) => \`report-\${data.id}\``,
    { cause },
  );
}

/** As the worker will see it, so that `add` and the worker make the same key of it. */
function asStored(data: unknown): unknown {
  // As BullMQ does.
  if (data === undefined) return {};
  try {
    return JSON.parse(JSON.stringify(data));
  } catch (error) {
    const cause = withoutSecrets(error);
    throw new LockUsageError(`the data of a job must be what JSON can keep: ${cause.message}`, { cause });
  }
}

function hashOf({ name, data }: JobFacts, fields: HashedKey["hash"]): string {
  const hashed = fields === "data" ? data : fields.map((field) => fieldOf(data, field));
  return createHash("sha256")
    .update(stable([name, hashed]))
    .digest("base64url");
}

function fieldOf(data: unknown, field: string): unknown {
  const value: unknown = Object(data)[field];
  if (value !== undefined) return value;
  throw new LockUsageError(
    `the key of a job is the hash of its field "${field}", which this job does not have: two jobs without it would be the same`,
  );
}

/** JSON with the fields of objects in one order. */
function stable(value: unknown): string {
  if (isStable(value)) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(stable).join()}]`;
  const fields = Object.entries(Object(value)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${stable(field)}`).join()}}`;
}

/** Whether its fields are in that order by themselves. */
function isStable(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isStable);
  let last = "";
  for (const [name, field] of Object.entries(value)) {
    if (name < last || !isStable(field)) return false;
    last = name;
  }
  return true;
}

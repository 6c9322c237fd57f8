import { createHash } from "node:crypto";
import { type JobLike, ownerOf } from "./bullmq.ts";
import { LockUsageError, MAX_KEY_BYTES, withoutSecrets } from "./core.ts";
import type { GuardOptions, HashedKey, JobFacts } from "./options.ts";

/** What a lock takes, beside "claim:". */
const MAX_NAME_BYTES = MAX_KEY_BYTES - 6;

/** A key, and what it is called among all locks: with its scope. */
export interface JobName {
  readonly key: string;
  readonly name: string;
}

/** What `add` claims. */
export const claimKey = (name: string) => `claim:${name}`;

/** What is held while a job runs. */
export const runKey = (name: string) => `run:${name}`;

/** The key in a name: no scope has a ":". */
export const keyIn = (name: string) => name.slice(name.indexOf(":") + 1);

/** Makes the keys of jobs. */
export class JobKeys {
  readonly #options: Pick<GuardOptions, "key" | "scope">;

  constructor(options: Pick<GuardOptions, "key" | "scope">) {
    this.#options = options;
  }

  /**
   * Of a job that is to be added. `queue`: as guards name it.
   * @throws LockUsageError where its guard makes none
   */
  of(job: JobFacts, queue: string): JobName {
    return this.named(this.#make({ ...job, data: asStored(job.data) }), queue);
  }

  /** Of a job as its queue keeps it. @throws as `of` */
  ofStored(job: JobLike): JobName {
    const { queueName, name, data } = job;
    return this.named(this.#make({ queue: queueName, name, data }), ownerOf(job).queue);
  }

  /** A key that is too long for a lock is known by its hash. */
  named(key: string, queue: string): JobName {
    const { scope = "queue" } = this.#options;
    // Encoded, so that no scope can end where a key begins.
    const within =
      scope === "queue" ? `queue=${encodeURIComponent(queue)}` : `scope=${encodeURIComponent(scope)}`;
    const prefix = scope === "global" ? "global" : within;
    const isLong = Buffer.byteLength(`${prefix}:${key}`) > MAX_NAME_BYTES;
    const short = isLong ? `sha256:${sha256(key)}` : key;
    return { key: short, name: `${prefix}:${short}` };
  }

  #make(job: JobFacts): string {
    const { key } = this.#options;
    const made: unknown = typeof key === "function" ? call(key, job) : hashOf(job, key.hash);
    if (typeof made === "string" && made !== "") return made;
    throw noKey(job, `the function gave ${made === "" ? "an empty string" : typeof made}`);
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
  return data === undefined ? {} : asUsage(() => JSON.parse(JSON.stringify(data)));
}

/** @throws LockUsageError also for data that is too deep: that is a RangeError of JSON */
function asUsage<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    const cause = withoutSecrets(error);
    throw new LockUsageError(`the data of a job must be what JSON can keep: ${cause.message}`, { cause });
  }
}

function hashOf({ name, data }: JobFacts, fields: HashedKey["hash"]): string {
  const hashed = fields === "data" ? data : fields.map((field) => fieldOf(data, field));
  return sha256(asUsage(() => JSON.stringify(sorted([name, hashed]))));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

function fieldOf(data: unknown, field: string): unknown {
  const value: unknown = Object(data)[field];
  if (value !== undefined) return value;
  throw new LockUsageError(
    `the key of a job is the hash of its field "${field}", which this job does not have: two jobs without it would be the same`,
  );
}

/** A copy with the fields of all objects in one order. Not recursive: data may be as deep as JSON can be. */
function sorted(value: unknown): unknown {
  const root: Record<string, unknown> = { value };
  const copies = [root];
  for (const copy of copies) {
    for (const [name, field] of Object.entries(copy)) {
      if (typeof field !== "object" || field === null) continue;
      const fields = Object.entries(field).toSorted(([a], [b]) => (a < b ? -1 : 1));
      const next = Array.isArray(field) ? [...field] : Object.fromEntries(fields);
      copy[name] = next;
      copies.push(next as Record<string, unknown>);
    }
  }
  return root.value;
}

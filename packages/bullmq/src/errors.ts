import { isLockError } from "./core.ts";
import type { JobOwner } from "./options.ts";

/** A job was not added since another one of its key is waiting or running: `onConflict: { enqueue: "throw" }`. */
export class DuplicateJobError extends Error {
  override readonly name = "DuplicateJobError";
  readonly code = "JOB_DUPLICATE";

  constructor(
    readonly key: string,
    /** The job that is there already. */
    readonly existing: JobOwner,
  ) {
    super(`a job with the key "${key}" is there already: ${existing.jobId} in the queue "${existing.queue}"`);
  }
}

/** Whether the locks could not be reached. By its code: two copies of the core have two classes. */
export function isOutage(error: unknown): boolean {
  return isLockError(error) && ["LOCK_BACKEND", "LOCK_QUORUM"].includes(error.code);
}

/** Whether a key stayed busy. */
export function isBusy(error: unknown): error is Error {
  return isLockError(error) && ["LOCK_TIMEOUT", "LOCK_OVERLOADED"].includes(error.code);
}

export type { AddResult } from "./add.ts";
export { DuplicateJobError } from "./errors.ts";
export type { GuardEventName, GuardEvents } from "./events.ts";
export type { GuardedProcessor, RunContext } from "./execute.ts";
export { type GuardedKey, guardJobs, type JobGuard } from "./guard.ts";
export type {
  EnqueueConflict,
  EventJob,
  ExecuteConflict,
  ExecuteConflictFacts,
  GuardOptions,
  HashedKey,
  JobFacts,
  JobKey,
  JobLocks,
  JobOwner,
  RescheduleOptions,
  Strategy,
} from "./options.ts";

import { EventEmitter } from "node:events";
import { checkListener, helpWarnings, tell } from "./core.ts";
import type { EventJob, JobOwner } from "./options.ts";

/** What a guard tells, for metrics and logs. `job` is the one that it happened to, or that it was done for. */
export interface GuardEvents {
  /** A job was not added, or not run, since another one of its key was there. */
  duplicate: { readonly key: string; readonly job: EventJob; readonly existing: JobOwner | undefined };
  /** A job found its key busy, or the locks out of reach, and is tried again later. */
  rescheduled: { readonly key: string; readonly job: EventJob; readonly delay: number };
  /** The claim of a job that is gone or over, or the lease of one that was to be cancelled, was taken from it. */
  takenOver: { readonly key: string; readonly job: EventJob; readonly from: JobOwner | undefined };
  /** A run lost its lease, or BullMQ's lock of its job, and was told to stop. */
  lost: { readonly key: string; readonly job: EventJob; readonly error: Error };
  /** A job ran, or was added, without what should have guarded it: its claim had ended, or the locks were out of reach. */
  unguarded: { readonly key: string; readonly job: EventJob; readonly reason: "claim-ended" | "backend" };
  /** The claim of a job could not be ended with it, since the locks were out of reach: the next `add` takes it over. */
  leftBehind: { readonly key: string; readonly job: EventJob };
}

export type GuardEventName = keyof GuardEvents;

const EVENTS: readonly GuardEventName[] = [
  "duplicate",
  "rescheduled",
  "takenOver",
  "lost",
  "unguarded",
  "leftBehind",
];

/** What is told once as a warning of the process, by its code; `help/<code>.md` is its page. */
const WARNINGS = {
  LOCK_JOB_CLAIM_LEFT_BEHIND: "the claim of a job outlived it",
  LOCK_JOB_MAX_STARTED_ATTEMPTS: "jobs that wait for a key may fail by maxStartedAttempts",
} as const;

/** Tells those who listen. What a listener throws is its own fault, and stops nothing. */
export class Events {
  readonly #emitter = new EventEmitter();
  readonly #warn = helpWarnings("@lock/bullmq", "JobGuardWarning");

  on<Name extends GuardEventName>(event: Name, listener: (told: GuardEvents[Name]) => void): () => void {
    checkListener(event, listener, EVENTS);
    this.#emitter.on(event, listener);
    return () => void this.#emitter.off(event, listener);
  }

  emit<Name extends GuardEventName>(event: Name, told: GuardEvents[Name]): void {
    for (const listener of this.#emitter.listeners(event)) tell((heard) => listener(heard), told);
  }

  warn(code: keyof typeof WARNINGS): void {
    this.#warn(code, WARNINGS[code]);
  }
}

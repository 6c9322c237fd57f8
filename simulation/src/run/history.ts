import type { Fault, HoldOperation, Story, WantedMode } from "../story/story.ts";

/** How an acquire ended. */
export type AcquireEnd = "granted" | "busy" | "timeout" | "aborted" | "closed" | "failed" | "ticket refused";

/** One acquire of the history, and its lease. Times are true time, in milliseconds. */
export interface Attempt {
  /** The number of its operation; of an adopted lease, that of the operation that gave it away. */
  readonly operation: number;
  /** By a ticket: it did not queue. */
  readonly isAdopted: boolean;
  readonly process: string;
  readonly mode: WantedMode;
  readonly keys: readonly string[];
  readonly wait: HoldOperation["wait"];
  readonly invokedAt: number;
  /** When the server had said that it has to wait. */
  waitingAt?: number;
  end?: AcquireEnd;
  endedAt?: number;
  /** For how long its process was paused while it waited. */
  pausedWhileWaiting?: number;
  error?: unknown;
  slot?: number | undefined;
  fencingToken?: number;
  /** Until when its process believes in it, as far as it was told; it may give it back, or lose it, before. */
  validUntil?: number;
  lostAt?: number;
  /** The wall clock of its process was set while it was held: its timers do not know. */
  isClockStepped?: boolean;
  releaseInvokedAt?: number;
  /** When all leases of its process were given back. */
  closedAt?: number;
  /** When it was given away. */
  handedOverAt?: number;
  release?: "released" | "expired" | "handedOver" | "failed";
  releasedAt?: number;
  /** `assertHeld` did not throw when there was nothing left of its validity. */
  isBelievedPastEnd?: boolean;
  /** An extend made its validity end earlier, by so many milliseconds. */
  shortenedBy?: number;
  /** When the clock of a node was set, and fewer than a majority of the others had it: nothing keeps others out since. */
  bareSince?: number;
  /** A server still had its owner token when its release was answered with "released". */
  isStillThere?: boolean;
}

/** While somebody takes a key by force, its holders may believe in what they do not have any more. */
export interface ForcedRelease {
  readonly key: string;
  readonly from: number;
  to: number;
}

/** A process that was stopped, or killed. */
export interface Pause {
  readonly process: string;
  readonly from: number;
  readonly to: number;
}

/** A fault that has struck. */
export interface Struck {
  readonly fault: Fault;
  readonly at: number;
  /** Whether somebody held a lease in what it struck. */
  readonly hitLease: boolean;
}

/** What happened in a story. */
export interface History {
  readonly story: Story;
  readonly attempts: readonly Attempt[];
  readonly forced: readonly ForcedRelease[];
  readonly pauses: readonly Pause[];
  readonly killed: ReadonlyMap<string, number>;
  readonly struck: readonly Struck[];
  /** What is left on servers and in processes when all is closed, and all that ends by itself has ended. */
  readonly left: readonly string[];
  readonly warnings: readonly string[];
  /** Promises that nobody has handled. */
  readonly unhandled: readonly string[];
  /** When the last fault was over, and some time had passed: nobody waits any more. */
  readonly settledAt: number;
}

/** What is wrong with a history. */
export interface Violation {
  readonly promise: Promised;
  readonly at: number;
  readonly text: string;
}

export type Promised =
  | "exclusion"
  | "fence"
  | "order"
  | "bounded waiting"
  | "loss told"
  | "nothing left"
  | "outcome";

/** What happened, line by line. */
export interface Line {
  readonly at: number;
  readonly who: string;
  readonly what: string;
}

/** The keys of an attempt, and its number. */
export function nameOf({ operation, keys }: Attempt): string {
  return `#${operation} ${keys.join("+")}`;
}

/** Until when its process believed in a lease; undefined where there was none. */
export function believedUntil(attempt: Attempt, { killed }: Pick<History, "killed">): number | undefined {
  if (attempt.validUntil === undefined) return undefined;
  const { releaseInvokedAt, closedAt, handedOverAt, lostAt } = attempt;
  const ends = [releaseInvokedAt, closedAt, handedOverAt, lostAt, killed.get(attempt.process)];
  return Math.min(attempt.validUntil, ...ends.map((end) => end ?? Number.POSITIVE_INFINITY));
}

/** For how long a process was paused between two moments. */
export function pausedBetween(pauses: readonly Pause[], process: string, from: number, to: number): number {
  let sum = 0;
  for (const pause of pauses) {
    if (pause.process === process) sum += Math.max(0, Math.min(to, pause.to) - Math.max(from, pause.from));
  }
  return sum;
}

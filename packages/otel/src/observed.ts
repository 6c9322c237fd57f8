/** What every event says of the acquire, or the lease, that it is about. */
interface Subject {
  readonly id: number;
  readonly key: string;
  readonly mode: "exclusive" | "shared" | "permits";
}

interface SeenHolder {
  readonly holder: string | undefined;
}

/** How one node of a quorum voted, and how long that took. */
export interface NodeVote {
  readonly node: string;
  readonly vote: string;
  readonly took?: number | undefined;
}

/** The events of `@lock/core` that are observed, as far as they are used. Durations are milliseconds. */
export interface ObservedEvents {
  acquiring: Subject & { readonly backend: string };
  waiting: Subject;
  contended: Subject & { readonly holder: SeenHolder | undefined };
  voted: Subject & { readonly votes: readonly NodeVote[] };
  acquired: Subject & {
    readonly backend: string;
    readonly fencingToken: number;
    readonly waited: number;
    readonly context?: Readonly<Record<string, string>> | undefined;
  };
  refused: Subject;
  timedOut: Subject & { readonly waited: number };
  aborted: Subject & { readonly waited: number; readonly reason: unknown };
  failed: Subject & { readonly waited: number; readonly error: Error };
  extended: Subject & { readonly validFor: number };
  extendFailed: Subject & { readonly error: Error };
  lost: Subject & { readonly reason: string; readonly held: number };
  released: Subject & { readonly outcome: string; readonly held: number };
  handedOver: Subject & { readonly held: number };
}

/** What `createLocks` returns, as far as it is observed: by its shape, so that no package of ours is needed here. */
export interface ObservedLocks {
  on<Name extends keyof ObservedEvents>(
    event: Name,
    listener: (told: ObservedEvents[Name]) => void,
  ): () => void;
}

/** The events of a guard of `@lock/bullmq` that are counted. */
export interface ObservedJobEvents {
  duplicate: { readonly key: string };
  rescheduled: { readonly key: string };
  takenOver: { readonly key: string };
  lost: { readonly key: string };
  unguarded: { readonly key: string };
  leftBehind: { readonly key: string };
}

/** What `guardJobs` returns, as far as it is observed. */
export interface ObservedGuard {
  on<Name extends keyof ObservedJobEvents>(
    event: Name,
    listener: (told: ObservedJobEvents[Name]) => void,
  ): () => void;
}

/** What `@lock/express` publishes on the channel "lock:express". */
export interface ObservedRequest {
  readonly event: "refused" | "replayed";
  readonly request: { readonly baseUrl?: string; readonly route?: { readonly path?: unknown } };
  readonly status: number;
  readonly code?: string | undefined;
}

/** What `@lock/memory` publishes on the channel "lock:memory". */
export type ObservedTurn =
  | { readonly event: "turn"; readonly error: unknown }
  | { readonly event: "lateSave" };

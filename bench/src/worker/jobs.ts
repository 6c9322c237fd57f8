/** What a worker process can be asked to do, and what it answers. Durations are milliseconds. */
export interface Jobs {
  /** Pairs of acquire and release, one after the other, each on a key of its own. */
  readonly sequential: {
    readonly request: { readonly keys: string; readonly pairs: number };
    /** `cpu`: microseconds of processor time, of all threads. */
    readonly outcome: {
      readonly durations: readonly number[];
      readonly elapsed: number;
      readonly cpu: number;
    };
  };
  /** The same with `atOnce` of them under way at any time. */
  readonly burst: {
    readonly request: { readonly keys: string; readonly pairs: number; readonly atOnce: number };
    readonly outcome: { readonly elapsed: number; readonly cpu: number };
  };
  /** The processor time of this process for pairs on keys of their own: as many as fit into `time`. */
  readonly cost: {
    readonly request: {
      /** Which of the builds that the process was started with. */
      readonly build: number;
      readonly keys: string;
      readonly atOnce: number;
      readonly time: number;
    };
    /** Microseconds of all threads, so that the collection of what was allocated counts. */
    readonly outcome: { readonly pairs: number; readonly cpu: number };
  };
  /** Waiters that acquire one key, hold it and release it, over and over for some time. */
  readonly contend: {
    readonly request: {
      readonly key: string;
      readonly waiters: number;
      readonly hold: number;
      readonly time: number;
    };
    readonly outcome: {
      /** One per acquisition, also of those that ended after the time. */
      readonly waits: readonly number[];
      /** Acquisitions that were over within the time, and how long they held the key together. */
      readonly within: number;
      readonly heldWithin: number;
    };
  };
  /** One holder, and waiters behind it. */
  readonly behind: {
    readonly request: { readonly key: string; readonly waiters: number; readonly hold: number };
    /** From the release of the holder until all waiters have had their turn. */
    readonly outcome: { readonly drained: number };
  };
}

export type JobName = keyof Jobs;
export type Request<Name extends JobName> = Jobs[Name]["request"];
export type Outcome<Name extends JobName> = Jobs[Name]["outcome"];

export type ToWorker = {
  [Name in JobName]: { readonly job: Name; readonly request: Request<Name> };
}[JobName];

export type FromWorker =
  | { readonly status: "ready" }
  | { readonly status: "done"; readonly outcome: Outcome<JobName> }
  | { readonly status: "failed"; readonly reason: string };

import type { Library } from "@lock/demo-kit";

/** The pool that all nodes share. */
export const POOL = "models";
export const MODELS = 4;

/** What a node process is. */
export interface Task {
  readonly node: number;
  readonly client: Library;
  /** Of the keys: each run of the demo has one of its own, also on a Redis that others use. */
  readonly prefix: string;
  /** Milliseconds. */
  readonly ttl: number;
}

/** A piece of work that needs a model. */
export interface Job {
  /** Without a slot: whichever model is free. */
  readonly choice: { readonly slot?: number };
  /** Milliseconds. */
  readonly duration: number;
}

export type ToNode = { readonly kind: "work"; readonly job: Job } | { readonly kind: "end" };

/** What a node process tells. Times are of `machineTime`. */
export type FromNode =
  | { readonly kind: "ready"; readonly pid: number }
  | {
      readonly kind: "holds";
      readonly slot: number;
      readonly fence: number;
      readonly waited: number;
      readonly from: number;
    }
  /** `until`: the last instant at which it believed in its lease. `lost`: before the work was done. */
  | { readonly kind: "ended"; readonly outcome: "done" | "lost"; readonly until: number };

export function nameOf(node: number): string {
  return `node-${node}`;
}

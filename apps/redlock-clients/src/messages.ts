import type { QuorumVote } from "@lock/core";
import type { Library } from "@lock/demo-kit";

export const NODES = 5;
export const MAJORITY = 3;
export const TTL_MS = 5_000;

/** What a client process has to do. */
export interface Task {
  readonly client: number;
  readonly library: Library;
  /** Milliseconds after the start signal. */
  readonly delay: number;
  readonly turns: number;
}

/** What a node answered to a request for its vote. */
export type Answer = QuorumVote["vote"];

/** A vote as it is written into the log. */
export interface LoggedVote {
  readonly node: string;
  readonly vote: Answer;
  readonly holder?: string | undefined;
  readonly error?: string | undefined;
}

/** One call of a node, by the backend that stands for it. `lease` is the beginning of the owner token. */
interface NodeCall {
  /** From 1. */
  readonly node: number;
  readonly lease: string;
  readonly answer: string;
  readonly fence?: number | undefined;
  readonly ms: number;
}

/** What a client did or heard. */
export type Happening =
  | { readonly what: "asks"; readonly turn: number }
  | ({ readonly what: "vote" } & NodeCall)
  | ({ readonly what: "release at node" | "cancel at node" | "extend at node" } & NodeCall)
  /** The lock's own view of one attempt. */
  | { readonly what: "attempt"; readonly attempt: number; readonly votes: readonly LoggedVote[] }
  | {
      readonly what: "acquired";
      readonly turn: number;
      readonly lease: string;
      readonly fence: number;
      readonly waited: number;
      readonly validFor: number;
    }
  /** `until`: the last instant at which it believed in its lease, which it gives back now. */
  | { readonly what: "ends"; readonly turn: number; readonly until: number }
  | { readonly what: "released"; readonly turn: number; readonly outcome: string }
  | { readonly what: "lost"; readonly turn: number; readonly reason: string }
  | { readonly what: "refused"; readonly turn: number; readonly votes: readonly LoggedVote[] }
  | { readonly what: "timeout"; readonly turn: number; readonly waited: number }
  | { readonly what: "retry"; readonly turn: number; readonly pause: number };

/** When: on the machine's clock for the verdict, as a time of day for people. */
interface Moment {
  readonly at: number;
  readonly time: string;
  readonly client: string;
}

/** A line of the log. */
export type Entry = Moment & Happening;
export type EntryOf<What extends Happening["what"]> = Extract<Entry, { readonly what: What }>;

export type FromClient =
  | { readonly kind: "ready" }
  /** It has done its turns, and closes. */
  | { readonly kind: "done" }
  | { readonly kind: "told"; readonly client: number; readonly entry: Entry };
export type ToClient = { readonly kind: "go" };

export function nameOf(client: number): string {
  return `client-${client}`;
}

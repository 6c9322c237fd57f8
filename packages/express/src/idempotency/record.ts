import { fault } from "../faults.ts";

/** An answer that can be given again. */
export interface Answer {
  readonly kind: "answer";
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string | readonly string[]])[];
  /** Headers that others had set and its handler took away. */
  readonly removed: readonly string[];
  /** Base64. */
  readonly body: string;
}

/** What is known of the work for a key. */
export type Outcome =
  | Answer
  /** It was done; what was answered is not known. */
  | { readonly kind: "done"; readonly because: "too-long" | "cut-off" | "settled" }
  /** It has begun, and nobody has said yet how it ended. `run` tells one from another. */
  | { readonly kind: "begun"; readonly run: string };

/** What is kept for a key. */
export type Recorded = Outcome & { readonly fingerprint: string };

/** Of the records, from which others may be told. */
const VERSION = 1;

const KINDS: readonly unknown[] = ["answer", "done", "begun"] satisfies Outcome["kind"][];

/** A record as it is stored. */
export function toText(recorded: Recorded): string {
  return JSON.stringify({ v: VERSION, ...recorded });
}

/** @throws Error with status 503 for what cannot be read: the work may have been done, so it is not done again */
export function fromText(text: string): Recorded {
  const { v, ...recorded } = parsed(text);
  if (v === VERSION && KINDS.includes(recorded.kind)) return recorded;
  throw fault(new Error(`the record of an answer cannot be read: it is not of version ${VERSION}`), 503);
}

function parsed(text: string): Recorded & { readonly v?: unknown } {
  try {
    return Object(JSON.parse(text));
  } catch {
    // What the parser says repeats a part of the answer.
    throw fault(new Error("the record of an answer cannot be read: it is no JSON"), 503);
  }
}

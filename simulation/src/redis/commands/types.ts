import type { Keyspace } from "../keyspace.ts";
import type { Reply } from "../reply.ts";

/** What a command may look at. */
export interface Scope {
  readonly keys: Keyspace;
  /** Microseconds since the Unix epoch, the same for a whole script. */
  readonly now: number;
  /** How many hear it. */
  publish(channel: string, message: string): number;
  info(): string;
}

export interface Command {
  /** As COMMAND tells it: the name counts; negative: at least so many. */
  readonly arity: number;
  /** Whether it writes; and if so, whether it may need memory. */
  readonly writes?: "never" | "frees" | "may grow";
  /** Where its keys are, counted from the first argument: the first, and all in between the last. */
  readonly keys?: readonly [first: number, last: number];
  run(scope: Scope, args: readonly string[]): Reply;
}

export type CommandTable = Readonly<Record<string, Command>>;

export const SYNTAX = "ERR syntax error";

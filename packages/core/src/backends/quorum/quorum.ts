import type { Clock } from "../../contract/clock.ts";
import type { Node } from "./node.ts";

/** What all parts of one quorum have in common. Durations are milliseconds. */
export interface Quorum {
  readonly clock: Clock;
  readonly nodes: readonly Node[];
  readonly majority: number;
  readonly nodeTimeout: number;
  /** Which part of a ttl is lost to clocks that run apart. */
  readonly drift: number;
  /** The longest ttl of a lease. */
  readonly maxTtl: number;
  /** Whether the nodes keep every write over a restart. */
  readonly durable: boolean;
  /** Those who wait for a hint. */
  readonly waiting: Set<Waiting>;
  /** Work that no caller waits for; nobody is told when it fails. */
  background(work: Promise<unknown>): void;
}

/** One who waits in the queue of a node. */
export interface Waiting {
  /** Others have found that a node does not answer: if that is where it waits, no news will come from there. */
  queueNodeIsAway(index: number): void;
}

/** The node in whose queue all who want a key wait: the first that votes. */
export function queueNodeOf({ nodes }: Pick<Quorum, "nodes">): number {
  return Math.max(
    0,
    nodes.findIndex((node) => node.votes),
  );
}

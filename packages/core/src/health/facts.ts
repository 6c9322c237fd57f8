import type { LockBackendError } from "../errors.ts";

/** What was learned of one server. */
export type NodeReport = ReachableNode | UnreachableNode | LocalNode;

export interface ReachableNode {
  readonly status: "reachable";
  /** Its address, else the backend's name; without credentials. */
  readonly name: string;
  readonly facts: NodeFacts;
}

/** It did not answer, or answers that it cannot serve now. */
export interface UnreachableNode {
  readonly status: "unreachable";
  readonly name: string;
  readonly error: LockBackendError;
}

/** No server to ask: the backend keeps its locks in this process. */
export interface LocalNode {
  readonly status: "local";
  readonly name: string;
}

/** What a server says of itself; undefined is what it would not or could not tell. Durations are milliseconds. */
export interface NodeFacts {
  /** The median of a few round trips. */
  readonly ping: number;
  readonly role: "master" | "replica" | "sentinel" | undefined;
  /** The version of Redis that it is, or that it is compatible with (Valkey). */
  readonly version: string | undefined;
  /** New at every start of the server: two nodes of the same id are the same server. */
  readonly runId: string | undefined;
  readonly uptime: number | undefined;
  /** Bytes; 0 is no limit. */
  readonly maxmemory: number | undefined;
  readonly maxmemoryPolicy: string | undefined;
  /** Whether it writes an append-only file. */
  readonly appendOnly: boolean | undefined;
  /** When it writes the append-only file to the disk: "always", "everysec" or "no". */
  readonly appendFsync: string | undefined;
  /** Whether it saves snapshots from time to time. */
  readonly snapshots: boolean | undefined;
  /** How many replicas are connected to it. */
  readonly replicas: number | undefined;
  readonly clockOffset: ClockOffset | undefined;
  /** Commands that it refused, and what it said: the facts that they would have told are unknown. */
  readonly refused: readonly string[];
}

/** How far a server's clock is ahead of this host's; negative: behind. */
export interface ClockOffset {
  readonly ms: number;
  /** Half of the round trip that it was measured in: the true offset lies within as much of `ms`. */
  readonly uncertainty: number;
}

import type { LockBackendError } from "../contract/errors.ts";

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
  /** Whether it is in cluster mode, as many managed servers are. */
  readonly clusterEnabled: boolean | undefined;
  /** Of one in cluster mode: how many masters share the keys. */
  readonly shards: number | undefined;
  /** Whether the client knows clusters: it finds the server of each key by itself. */
  readonly clusterClient: boolean;
  /** What it says when a script publishes a message; undefined: it does not refuse that, or it is not known. */
  readonly publishRefused: string | undefined;
  /** What else than Redis it says it is: a service, or a server that is compatible with Redis. */
  readonly product: string | undefined;
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

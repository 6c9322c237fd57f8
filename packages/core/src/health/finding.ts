import type { ReachableNode } from "./facts.ts";

/**
 * How bad a finding is.
 * - `error`: locks cannot be taken, or are not safe
 * - `warning`: they work, but a fault that may come would break a promise, or one less would be survived
 * - `note`: good to know; changes no verdict
 */
export type Severity = "error" | "warning" | "note";

/** What was found, as a stable word for programs. */
export type FindingCode =
  | "unreachable"
  | "no-majority"
  | "same-server"
  | "replica"
  | "version"
  | "eviction"
  | "persistence"
  | "fsync"
  | "restarted"
  | "clock"
  | "slow"
  | "cluster"
  | "publish"
  | "replicated"
  | "managed"
  | "unknown"
  | "local";

export interface Finding {
  readonly severity: Severity;
  readonly code: FindingCode;
  /** The name of the node; undefined where it is about all of them. */
  readonly node: string | undefined;
  /** What was found. */
  readonly found: string;
  /** What it means for locks, and what to do. */
  readonly advice: string;
}

/** From where on something is a finding. Durations are milliseconds. */
export interface Thresholds {
  /** How far apart two clocks may be. Default 1000. */
  readonly maxClockOffset: number;
  /** How long a round trip may take. Default 100. */
  readonly maxPing: number;
  /** The longest `ttl` that locks are taken for: for as long, a restarted server may have forgotten one. Default 30,000. */
  readonly longestTtl: number;
}

/** What a rule looks at besides one node. */
export interface Scene extends Thresholds {
  /** Whether the nodes vote; else there is one server that decides alone. */
  readonly isQuorum: boolean;
}

/** A rule about one server; null when it is satisfied. */
export type Rule = (node: ReachableNode, scene: Scene) => Omit<Finding, "node"> | null;

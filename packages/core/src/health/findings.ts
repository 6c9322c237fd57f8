import type { NodeReport, ReachableNode } from "./facts.ts";
import type { Finding, Rule, Scene, Thresholds } from "./finding.ts";
import { cluster, managed, publish } from "./managed.ts";

/** Of what the scripts use, GET as an option of SET is the youngest. */
const OLDEST = [6, 2] as const;

const RULES: readonly Rule[] = [
  role,
  version,
  eviction,
  persistence,
  fsync,
  restart,
  ping,
  cluster,
  publish,
  replication,
  managed,
  unknown,
];

/** What follows from the facts, node by node; the clocks and the votes are looked at elsewhere. */
export function findingsOfNodes(reports: readonly NodeReport[], thresholds: Thresholds): Finding[] {
  const scene = { ...thresholds, isQuorum: reports.length > 1 };
  return reports.flatMap((report) => {
    if (report.status !== "reachable") return [absence(report, scene)];
    return RULES.flatMap((rule) => {
      const finding = rule(report, scene);
      return finding === null ? [] : [{ ...finding, node: report.name }];
    });
  });
}

function absence(report: Exclude<NodeReport, ReachableNode>, { isQuorum }: Scene): Finding {
  const { name: node, status } = report;
  if (status === "local") {
    const found = "its locks are kept in this process";
    return { severity: "note", code: "local", node, found, advice: "No other process sees them." };
  }
  const found = report.error.message;
  const advice = isQuorum
    ? "It cannot vote until it is back. If one more node fails, the majority may be lost."
    : "No lock can be taken or extended until it is back; leases end by their ttl.";
  return { severity: isQuorum ? "warning" : "error", code: "unreachable", node, found, advice };
}

function role({ facts }: ReachableNode, { isQuorum }: Scene): ReturnType<Rule> {
  if (facts.role === undefined || facts.role === "master") return null;
  return {
    severity: isQuorum ? "warning" : "error",
    code: "replica",
    found: `it is a ${facts.role}`,
    advice: "It refuses every lock: connect to the master, or let the client follow it through Sentinel.",
  };
}

function version({ facts }: ReachableNode): ReturnType<Rule> {
  const [major = 0, minor = 0] = facts.version?.split(".").map(Number) ?? OLDEST;
  const [least, atLeast] = OLDEST;
  if (major > least || (major === least && minor >= atLeast)) return null;
  return {
    severity: "error",
    code: "version",
    found: `its version is ${facts.version}`,
    advice: `Locks need Redis ${OLDEST.join(".")} or newer, or Valkey: on this one every acquire fails.`,
  };
}

function eviction({ facts }: ReachableNode): ReturnType<Rule> {
  const { maxmemory, maxmemoryPolicy: policy } = facts;
  if (!maxmemory || policy === undefined || policy === "noeviction") return null;
  return {
    severity: "warning",
    code: "eviction",
    found: `maxmemory-policy is ${policy}, and maxmemory is set`,
    advice:
      "When memory is full, it may evict a held lock, and grant the key again: use noeviction, or a server without other data.",
  };
}

function persistence({ facts }: ReachableNode, { isQuorum }: Scene): ReturnType<Rule> {
  if (facts.appendOnly !== false) return null;
  return {
    severity: "warning",
    code: "persistence",
    found: facts.snapshots ? "it keeps snapshots, but no append-only file" : "it keeps nothing on disk",
    advice: isQuorum
      ? "After a restart it may have lost its votes, and does not vote for the longest ttl: set appendonly yes, and appendfsync always; then durable: true."
      : "After a restart, a key may be granted again while its holder still believes in the lease (fencing tokens still grow): set appendonly yes.",
  };
}

function fsync({ facts }: ReachableNode, { isQuorum }: Scene): ReturnType<Rule> {
  const { appendOnly, appendFsync } = facts;
  if (!isQuorum || !appendOnly || appendFsync === undefined || appendFsync === "always") return null;
  return {
    severity: "warning",
    code: "fsync",
    found: `appendfsync is ${appendFsync}`,
    advice:
      "After a restart it may have lost its newest votes, and does not vote for the longest ttl: set appendfsync always.",
  };
}

function restart({ facts }: ReachableNode, { longestTtl, isQuorum }: Scene): ReturnType<Rule> {
  const { uptime, appendOnly } = facts;
  if (appendOnly !== false || uptime === undefined || uptime >= longestTtl) return null;
  const left = Math.ceil((longestTtl - uptime) / 1_000);
  return {
    severity: "warning",
    code: "restarted",
    found: `it started ${Math.floor(uptime / 1_000)} s ago, without its earlier leases`,
    advice: isQuorum
      ? `It may have lost votes that still count, and does not vote for another ${left} s.`
      : `For another ${left} s, holders may believe in leases that it has lost: check fencing tokens.`,
  };
}

function ping({ facts }: ReachableNode, { maxPing }: Scene): ReturnType<Rule> {
  if (facts.ping <= maxPing) return null;
  return {
    severity: "warning",
    code: "slow",
    found: `a round trip takes ${Math.round(facts.ping)} ms`,
    advice: "Every acquire and extend takes at least as long: look at the server's load and at the network.",
  };
}

function replication({ facts }: ReachableNode, { isQuorum }: Scene): ReturnType<Rule> {
  if (!facts.replicas) return null;
  return {
    severity: "note",
    code: "replicated",
    found: `${facts.replicas} replica${facts.replicas === 1 ? "" : "s"}`,
    advice: isQuorum
      ? "A replica that is promoted may have missed votes: do not let a replica replace a node."
      : "A failover to a replica that has missed a grant lets a second holder in: let your store check fencing tokens.",
  };
}

function unknown({ facts }: ReachableNode): ReturnType<Rule> {
  if (facts.refused.length === 0) return null;
  return {
    severity: "note",
    code: "unknown",
    found: `it refused ${facts.refused.join("; ")}`,
    advice: "The check needs these commands: allow the user +info, +time, +config|get and +eval.",
  };
}

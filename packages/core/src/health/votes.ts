import { majorityOf } from "../backends/quorum/fence.ts";
import type { NodeReport } from "./facts.ts";
import type { Finding } from "./finding.ts";

/** What can be said only of all nodes together: whether a majority can vote, and each of them only once. */
export function findingsOfVotes(reports: readonly NodeReport[]): Finding[] {
  if (reports.length < 2) return [];
  const twice = sameServers(reports);
  const able = reports.filter((report) => canVote(report) && !twice.has(report));
  const majority = majorityOf(reports.length);
  if (able.length >= majority) return [...twice.values()];
  return [
    ...twice.values(),
    {
      severity: "error",
      code: "no-majority",
      node: undefined,
      found: `${able.length} of ${reports.length} nodes can vote, and a majority is ${majority}`,
      advice: "No lock can be taken or extended until more of them are back; leases end by their ttl.",
    },
  ];
}

function canVote(report: NodeReport): boolean {
  if (report.status !== "reachable") return report.status === "local";
  return report.facts.role === undefined || report.facts.role === "master";
}

function sameServers(reports: readonly NodeReport[]): ReadonlyMap<NodeReport, Finding> {
  const first = new Map<string, string>();
  const twice = new Map<NodeReport, Finding>();
  for (const report of reports) {
    const runId = report.status === "reachable" ? report.facts.runId : undefined;
    if (runId === undefined) continue;
    const other = first.get(runId);
    if (other === undefined) first.set(runId, report.name);
    else twice.set(report, sameServer(report.name, other));
  }
  return twice;
}

function sameServer(node: string, other: string): Finding {
  return {
    severity: "error",
    code: "same-server",
    node,
    found: `it is the same server as ${other}`,
    advice: "One server with two votes is a majority of its own: give each node's address once.",
  };
}

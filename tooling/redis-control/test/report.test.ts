import { LockBackendError } from "@lock/core";
import type { HealthReport, NodeFacts } from "@lock/core/health";
import { afterEach, expect, it, vi } from "vitest";
import { describeReport } from "../src/report.ts";

const FACTS: NodeFacts = {
  ping: 0.25,
  role: "master",
  version: "7.0.15",
  runId: "1",
  uptime: 600_000,
  maxmemory: 1_024,
  maxmemoryPolicy: "allkeys-lru",
  appendOnly: false,
  appendFsync: "everysec",
  snapshots: true,
  clusterEnabled: false,
  shards: undefined,
  clusterClient: false,
  publishRefused: undefined,
  product: undefined,
  replicas: 1,
  clockOffset: { ms: -3_600_000, uncertainty: 1 },
  refused: [],
};

const NOTHING = { role: undefined, version: undefined, uptime: undefined, maxmemoryPolicy: undefined };
const UNKNOWN: NodeFacts = {
  ...FACTS,
  ...NOTHING,
  appendOnly: undefined,
  replicas: undefined,
  clockOffset: undefined,
};

const REPORT: HealthReport = {
  verdict: "unhealthy",
  nodes: [
    { status: "reachable", name: "a:1", facts: FACTS },
    { status: "reachable", name: "b:2", facts: UNKNOWN },
    {
      status: "unreachable",
      name: "node-c:3",
      error: new LockBackendError("gone", { retryable: true, ambiguous: true }),
    },
  ],
  findings: [
    { severity: "error", code: "no-majority", node: undefined, found: "too few", advice: "Bring some back." },
    { severity: "warning", code: "unreachable", node: "node-c:3", found: "gone \u001b[2J", advice: "Look." },
  ],
};

afterEach(() => void vi.unstubAllEnvs());

it("shows the nodes, what was found, and the verdict; text of servers and clients cannot move the cursor", () => {
  vi.stubEnv("COLUMNS", "100");
  expect(describeReport(REPORT, new Map([["node-c:3", "refused\r\n\u001b[31mhealthy"]]))).toEqual([
    "node      role    version  ping    uptime  clock    persistence  maxmemory-policy  replicas",
    "a:1       master  7.0.15   0.3 ms  10 min  -3600 s  snapshots    allkeys-lru       1",
    "b:2       ?       ?        0.3 ms  ?       ?        ?            ?                 ?",
    "node-c:3  unreachable",
    "",
    "error    all nodes: too few",
    "         Bring some back.",
    "warning  node-c:3: refused\\u{d}\\u{a}\\u{1b}[31mhealthy",
    "         Look.",
    "",
    "unhealthy: locks cannot be taken, or are not safe",
  ]);
  expect(describeReport(REPORT, new Map())).toContain("warning  node-c:3: gone \\u{1b}[2J");
});

it("has a paragraph for each node where there is no room for a table", () => {
  vi.stubEnv("COLUMNS", "80");
  expect(describeReport(REPORT, new Map()).slice(0, 4)).toEqual([
    "a:1  role master, version 7.0.15, ping 0.3 ms, uptime 10 min, clock -3600 s, persistence snapshots, maxmemory-policy allkeys-lru, replicas 1",
    "b:2  role ?, version ?, ping 0.3 ms, uptime ?, clock ?, persistence ?, maxmemory-policy ?, replicas ?",
    "node-c:3  unreachable",
    "",
  ]);
});

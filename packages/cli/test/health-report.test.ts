import { LockBackendError } from "@lock/core";
import type { HealthReport, NodeFacts } from "@lock/core/health";
import { afterEach, expect, it, vi } from "vitest";
import { describeReport } from "../src/output/health-report.ts";
import { wrapped } from "../src/output/screen.ts";

const FACTS: NodeFacts = {
  ping: 0.25,
  role: "master",
  version: "7.0\u009b2J",
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

const FOUND = [
  "error    all nodes: too few",
  "         Bring some back.",
  "warning  node-c:3: gone \\u{1b}[2J",
  "         Look.",
  "",
  "unhealthy: locks cannot be taken, or are not safe",
];

it("shows the nodes, what was found, and the verdict; text of servers and clients cannot move the cursor", () => {
  vi.stubEnv("COLUMNS", "100");
  expect(describeReport(REPORT)).toEqual([
    "NODE      ROLE         VERSION      PING    UPTIME  CLOCK   PERSISTENCE  MAXMEMORY-POLICY  REPLICAS",
    "a:1       master       7.0\\u{9b}2J  0.3 ms  10m00s  -1h00m  snapshots    allkeys-lru              1",
    "b:2       ?            ?            0.3 ms  ?       ?       ?            ?                        ?",
    "node-c:3  unreachable",
    "",
    ...FOUND,
  ]);
  const [header = ""] = describeReport(REPORT);
  vi.stubEnv("COLUMNS", String(header.length));
  expect(describeReport(REPORT).map(wrapped)[0]).toBe(header);
  vi.stubEnv("COLUMNS", String(header.length - 1));
  expect(describeReport(REPORT)[0]).toMatch(/^a:1 /);
});

it.each(["80", ""])(
  "has a paragraph for each node where there is no room for a table, of %j columns",
  (columns) => {
    vi.stubEnv("COLUMNS", columns);
    expect(describeReport(REPORT)).toEqual([
      "a:1  master, version 7.0\\u{9b}2J, ping 0.3 ms, uptime 10m00s, clock -1h00m, persistence snapshots, maxmemory-policy allkeys-lru, replicas 1",
      "b:2  ?, version ?, ping 0.3 ms, uptime ?, clock ?, persistence ?, maxmemory-policy ?, replicas ?",
      "node-c:3  unreachable",
      "",
      ...FOUND,
    ]);
  },
);

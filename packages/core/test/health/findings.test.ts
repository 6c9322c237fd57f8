import { describe, expect, it } from "vitest";
import { LockBackendError } from "../../src/contract/errors.ts";
import { judge } from "../../src/health/check.ts";
import type { NodeFacts, NodeReport } from "../../src/health/facts.ts";

const THRESHOLDS = { maxClockOffset: 1_000, maxPing: 100, longestTtl: 30_000 };
const HOUR = 3_600_000;

const FINE: NodeFacts = {
  ping: 1,
  role: "master",
  version: "7.0.15",
  runId: undefined,
  uptime: HOUR,
  maxmemory: 0,
  maxmemoryPolicy: "noeviction",
  appendOnly: true,
  appendFsync: "always",
  snapshots: false,
  clusterEnabled: false,
  shards: undefined,
  clusterClient: false,
  publishRefused: undefined,
  product: undefined,
  replicas: 0,
  clockOffset: { ms: 0, uncertainty: 1 },
  refused: [],
};

const down = (): NodeReport => ({
  status: "unreachable",
  name: "down",
  error: new LockBackendError("nobody there", { retryable: true, ambiguous: true }),
});

function node(name: string, facts: Partial<NodeFacts> = {}): NodeReport {
  return { status: "reachable", name, facts: { ...FINE, runId: `run-of-${name}`, ...facts } };
}

/** Five nodes, of which the first are given. */
function five(...given: NodeReport[]): NodeReport[] {
  return [...given, ...["a", "b", "c", "d", "e"].slice(given.length).map((name) => node(name))];
}

function judged(reports: readonly NodeReport[]): string[] {
  const { verdict, findings } = judge(reports, THRESHOLDS);
  return [verdict, ...findings.map(({ severity, code, node = "all" }) => `${severity} ${code} of ${node}`)];
}

const clock = (ms: number, uncertainty = 1) => ({ clockOffset: { ms, uncertainty } });

describe("what follows for a single server", () => {
  it.each<[string, Partial<NodeFacts>, string[]]>([
    ["all is well", {}, ["healthy"]],
    ["a replica", { role: "replica" }, ["unhealthy", "error replica of x"]],
    ["a Sentinel", { role: "sentinel" }, ["unhealthy", "error replica of x"]],
    ["an old version", { version: "6.0.20" }, ["unhealthy", "error version of x"]],
    ["a very old version", { version: "5.9.1" }, ["unhealthy", "error version of x"]],
    ["the oldest version that will do", { version: "6.2.0" }, ["healthy"]],
    ["a version of two digits", { version: "10.0.1" }, ["healthy"]],
    ["an unknown version", { version: undefined }, ["healthy"]],
    ["a cache", { maxmemory: 1, maxmemoryPolicy: "allkeys-lru" }, ["degraded", "warning eviction of x"]],
    [
      "eviction of keys that expire",
      { maxmemory: 1, maxmemoryPolicy: "volatile-ttl" },
      ["degraded", "warning eviction of x"],
    ],
    ["eviction without a limit", { maxmemory: 0, maxmemoryPolicy: "allkeys-lru" }, ["healthy"]],
    ["a limit without eviction", { maxmemory: 1, maxmemoryPolicy: "noeviction" }, ["healthy"]],
    ["an unknown policy", { maxmemory: 1, maxmemoryPolicy: undefined }, ["healthy"]],
    ["no persistence", { appendOnly: false }, ["degraded", "warning persistence of x"]],
    ["snapshots only", { appendOnly: false, snapshots: true }, ["degraded", "warning persistence of x"]],
    ["unknown persistence", { appendOnly: undefined, uptime: 0 }, ["healthy"]],
    ["fsync every second", { appendFsync: "everysec" }, ["healthy"]],
    ["a restart that kept its data", { uptime: 0 }, ["healthy"]],
    [
      "a restart that kept nothing",
      { uptime: 29_000, appendOnly: false },
      ["degraded", "warning persistence of x", "warning restarted of x"],
    ],
    [
      "a restart of long ago",
      { uptime: 30_000, appendOnly: false },
      ["degraded", "warning persistence of x"],
    ],
    ["a slow network", { ping: 101 }, ["degraded", "warning slow of x"]],
    ["a network that will do", { ping: 100 }, ["healthy"]],
    ["replicas", { replicas: 2 }, ["healthy", "note replicated of x"]],
    ["refused commands", { refused: ["INFO: NOPERM"] }, ["healthy", "note unknown of x"]],
    [
      "cluster mode behind a plain client",
      { clusterEnabled: true, shards: 1 },
      ["healthy", "note cluster of x"],
    ],
    ["cluster mode of unknown size", { clusterEnabled: true }, ["healthy", "note cluster of x"]],
    [
      "several shards behind a plain client",
      { clusterEnabled: true, shards: 2 },
      ["unhealthy", "error cluster of x"],
    ],
    [
      "several shards behind a client that knows them",
      { clusterEnabled: true, shards: 2, clusterClient: true },
      ["healthy"],
    ],
    ["unknown cluster mode", { clusterEnabled: undefined }, ["healthy"]],
    ["messages refused", { publishRefused: "NOPERM" }, ["degraded", "warning publish of x"]],
    ["a product", { product: "Dragonfly" }, ["healthy", "note managed of x"]],
    [
      "a server without CONFIG",
      { refused: ["CONFIG: ERR unknown command"] },
      ["healthy", "note managed of x", "note unknown of x"],
    ],
    [
      "a user without the right to CONFIG",
      { refused: ["CONFIG: NOPERM this user has no permissions", "TIME: ERR unknown command"] },
      ["healthy", "note unknown of x"],
    ],
    ["a clock that is ahead of this host", clock(1_002), ["degraded", "warning clock of x"]],
    ["a clock that is behind this host", clock(-1_002), ["degraded", "warning clock of x"]],
    ["a clock within what can be told", clock(1_400, 400), ["healthy"]],
    ["a clock beyond what can be told", clock(1_402, 400), ["degraded", "warning clock of x"]],
    ["an unknown clock", { clockOffset: undefined }, ["healthy"]],
  ])("%s", (_, facts, expected) => {
    expect(judged([node("x", facts)])).toEqual(expected);
  });

  it("tells what follows for a cluster whose size is not known", () => {
    const advice = (shards?: number) =>
      judge([node("x", { clusterEnabled: true, shards })], THRESHOLDS).findings[0]?.advice;
    expect(advice()).toContain("If it has more than one shard, use new Cluster");
    expect(advice(1)).not.toContain("new Cluster");
    expect(advice(3)).toContain("createCluster");
  });

  it("is unreachable, or in this process", () => {
    expect(judged([down()])).toEqual(["unhealthy", "error unreachable of down"]);
    expect(judged([{ status: "local", name: "x" }])).toEqual(["healthy", "note local of x"]);
  });
});

describe("what follows for a quorum", () => {
  const noMajority = "error no-majority of all";
  it.each<[string, NodeReport[], string[]]>([
    ["all is well", five(), ["healthy"]],
    [
      "the worst comes first",
      five(node("x", { maxmemory: 1, maxmemoryPolicy: "allkeys-lru" }), node("y", { version: "5.0.0" })),
      ["unhealthy", "error version of y", "warning eviction of x"],
    ],
    [
      "two of five are down",
      five(down(), down()),
      ["degraded", "warning unreachable of down", "warning unreachable of down"],
    ],
    ["one of two is down", [node("x"), down()], ["unhealthy", noMajority, "warning unreachable of down"]],
    [
      "two of four are down",
      five(down(), down()).slice(0, 4),
      ["unhealthy", noMajority, "warning unreachable of down", "warning unreachable of down"],
    ],
    ["a replica has no vote", five(node("x", { role: "replica" })), ["degraded", "warning replica of x"]],
    [
      "two replicas and one that is down",
      five(node("x", { role: "replica" }), node("y", { role: "replica" }), down()),
      [
        "unhealthy",
        noMajority,
        "warning replica of x",
        "warning replica of y",
        "warning unreachable of down",
      ],
    ],
    [
      "the same server twice",
      five(node("x", { runId: "1" }), node("y", { runId: "1" })),
      ["unhealthy", "error same-server of y"],
    ],
    ["the same address twice", [node("x"), node("x"), node("y")], ["unhealthy", "error same-server of x"]],
    [
      "one server three times",
      [node("x"), node("x"), node("x")],
      ["unhealthy", "error same-server of x", "error same-server of x", noMajority],
    ],
    ["fsync every second", five(node("x", { appendFsync: "everysec" })), ["degraded", "warning fsync of x"]],
    [
      "fsync without a file",
      five(node("x", { appendFsync: "everysec", appendOnly: false })),
      ["degraded", "warning persistence of x"],
    ],
    ["fsync is unknown", five(node("x", { appendFsync: undefined })), ["healthy"]],
    ["a node is an hour ahead", five(node("x", clock(HOUR))), ["degraded", "warning clock of x"]],
    ["a node is an hour behind", five(node("x", clock(-HOUR))), ["degraded", "warning clock of x"]],
    [
      "two nodes differ from the others, each its own way",
      five(node("x", clock(HOUR)), node("y", clock(-HOUR))),
      ["degraded", "warning clock of x", "warning clock of y"],
    ],
    [
      "this host is an hour behind all nodes",
      ["x", "y", "z"].map((name) => node(name, clock(HOUR))),
      ["healthy"],
    ],
    [
      "of two nodes, the one that differs from this host",
      [node("x"), node("y", clock(HOUR))],
      ["degraded", "warning clock of y"],
    ],
    [
      "two of four nodes differ",
      [...["x", "y"].map((name) => node(name, clock(HOUR))), node("u"), node("v")],
      ["degraded", "warning clock of x", "warning clock of y"],
    ],
    [
      "a difference within what can be told of both",
      [node("x", clock(1_900, 500)), node("y", clock(0, 500)), node("z", clock(0, 500))],
      ["healthy"],
    ],
  ])("%s", (_, reports, expected) => {
    expect(judged(reports)).toEqual(expected);
  });

  it("tells the distance of a clock, and to which side", () => {
    const found = (ms: number) => judge(five(node("x", clock(ms))), THRESHOLDS).findings[0]?.found;
    expect(found(HOUR)).toBe("its clock is 3600 s ahead of the clocks of most");
    expect(found(-1_500)).toBe("its clock is 1500 ms behind the clocks of most");
  });
});

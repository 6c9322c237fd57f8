import type { Finding, HealthReport, NodeFacts, NodeReport, Severity, Verdict } from "@lock/core/health";
import stringWidth from "string-width";
import { showDuration } from "../durations.ts";
import { printable } from "./printable.ts";
import { colours, columnsOf } from "./screen.ts";
import { type Column, Table } from "./table.ts";

const NAMES = [
  "node",
  "role",
  "version",
  "ping",
  "uptime",
  "clock",
  "persistence",
  "maxmemory-policy",
  "replicas",
] as const;
type Name = (typeof NAMES)[number];
type Cells = Readonly<Record<Name, string>>;
const NOTHING = Object.fromEntries(NAMES.map((name) => [name, ""])) as Cells;
const UNKNOWN = "?";

const VERDICTS: Record<Verdict, readonly [(text: string) => string, string]> = {
  healthy: [colours.green, "locks are safe here"],
  degraded: [colours.yellow, "locks work, but a fault that may come would break a promise"],
  unhealthy: [colours.red, "locks cannot be taken, or are not safe"],
};
const SEVERITIES: Record<Severity, (text: string) => string> = {
  error: colours.red,
  warning: colours.yellow,
  note: colours.dim,
};

/** The report as lines: the nodes, what was found, the verdict. */
export function describeReport({ verdict, nodes, findings }: HealthReport): string[] {
  const [paint, meaning] = VERDICTS[verdict];
  const described = findings.flatMap(describeFinding);
  return [
    ...describeNodes(nodes),
    "",
    ...described,
    ...(described.length > 0 ? [""] : []),
    `${paint(colours.bold(verdict))}: ${meaning}`,
  ];
}

function describeFinding({ severity, node, found, advice }: Finding): string[] {
  const about = node === undefined ? "all nodes" : printable(node);
  return [
    `${SEVERITIES[severity](severity.padEnd(7))}  ${about}: ${printable(found)}`,
    `         ${colours.dim(printable(advice))}`,
  ];
}

/** A table where the terminal has room for one, else a paragraph for each node. */
function describeNodes(nodes: readonly NodeReport[]): string[] {
  const room = columnsOf();
  const rows = nodes.map(cellsOf);
  const table = new Table(columnsFor(rows), room);
  const lines = [table.header, ...rows.map((row) => table.row(row))];
  if (room === undefined || lines.some((line) => stringWidth(line) > room)) return rows.map(paragraph);
  return lines.map((line, index) => (index === 0 ? colours.bold(line) : line));
}

function columnsFor(rows: readonly Cells[]): Record<Name, Column> {
  const entries = NAMES.map((name) => {
    const widths = [name, ...rows.map((row) => row[name])].map((text) => stringWidth(text));
    return [
      name,
      { title: name.toUpperCase(), width: Math.max(...widths), right: name === "replicas" },
    ] as const;
  });
  return Object.fromEntries(entries) as Record<Name, Column>;
}

function paragraph({ node, role, ...facts }: Cells): string {
  const told = Object.entries(facts).filter(([, cell]) => cell !== "");
  return `${colours.bold(node)}  ${[role, ...told.map(([name, cell]) => `${name} ${cell}`)].join(", ")}`;
}

function cellsOf(report: NodeReport): Cells {
  const cells = { ...NOTHING, node: report.name, role: report.status, ...factsOf(report) };
  const entries = Object.entries<string>(cells).map(([name, cell]) => [name, printable(cell)]);
  return Object.fromEntries(entries) as Cells;
}

function factsOf(report: NodeReport): Partial<Cells> {
  if (report.status !== "reachable") return {};
  const { facts } = report;
  return {
    role: facts.role ?? UNKNOWN,
    version: facts.version ?? UNKNOWN,
    ping: `${facts.ping.toFixed(1)} ms`,
    uptime: facts.uptime === undefined ? UNKNOWN : showDuration(facts.uptime),
    clock: clock(facts),
    persistence: persistence(facts),
    "maxmemory-policy": memory(facts),
    replicas: String(facts.replicas ?? UNKNOWN),
  };
}

function clock({ clockOffset }: NodeFacts): string {
  if (clockOffset === undefined) return UNKNOWN;
  const ms = Math.round(clockOffset.ms);
  const sign = ms > 0 ? "+" : "-";
  return `${ms === 0 ? "" : sign}${showDuration(Math.abs(ms))}`;
}

function persistence({ appendOnly, appendFsync, snapshots }: NodeFacts): string {
  if (appendOnly === undefined) return UNKNOWN;
  if (appendOnly) return `file, fsync ${appendFsync ?? UNKNOWN}`;
  if (snapshots === undefined) return "no file";
  return snapshots ? "snapshots" : "none";
}

function memory({ maxmemory, maxmemoryPolicy }: NodeFacts): string {
  const limit = maxmemory === 0 ? ", no limit" : "";
  return `${maxmemoryPolicy ?? UNKNOWN}${limit}`;
}

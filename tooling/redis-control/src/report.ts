import type { Finding, HealthReport, NodeFacts, NodeReport, Severity, Verdict } from "@lock/core/health";
import { colours, fit, type Paint, printable } from "@lock/demo-kit";

const HEADINGS = [
  "node",
  "role",
  "version",
  "ping",
  "uptime",
  "clock",
  "persistence",
  "maxmemory-policy",
  "replicas",
];
const UNKNOWN = "?";

const VERDICTS: Record<Verdict, readonly [Paint, string]> = {
  healthy: [colours.green, "locks are safe here"],
  degraded: [colours.yellow, "locks work, but a fault that may come would break a promise"],
  unhealthy: [colours.red, "locks cannot be taken, or are not safe"],
};
const SEVERITIES: Record<Severity, Paint> = {
  error: colours.red,
  warning: colours.yellow,
  note: colours.dim,
};

/** The report as lines for a terminal: a table of the nodes, what was found, the verdict. */
export function describeReport(report: HealthReport, heard: ReadonlyMap<string, string>): string[] {
  const [paint, meaning] = VERDICTS[report.verdict];
  const findings = report.findings.flatMap((finding) => describeFinding(finding, heard));
  return [
    ...table(report.nodes),
    "",
    ...findings,
    ...(findings.length > 0 ? [""] : []),
    `${paint(colours.bold(report.verdict))}: ${meaning}`,
  ];
}

function describeFinding(finding: Finding, heard: ReadonlyMap<string, string>): string[] {
  const { severity, node, found, advice, code } = finding;
  const about = node === undefined ? "all nodes" : printable(node);
  // The backend knows only that no answer came, the client why.
  const said = code === "unreachable" && node !== undefined ? heard.get(node) : undefined;
  return [
    `${SEVERITIES[severity](severity.padEnd(7))}  ${about}: ${printable(said ?? found)}`,
    colours.dim(`         ${advice}`),
  ];
}

function table(nodes: readonly NodeReport[]): string[] {
  const rows = nodes.map(rowOf);
  // What an unreachable node has to say runs on over its columns.
  const cells = (column: number) =>
    rows.filter(({ length }) => column === 0 || length > 2).map((row) => row[column]);
  const widths = HEADINGS.map(({ length }, column) =>
    Math.max(length, ...cells(column).map((cell = "") => cell.length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const lines = [line(HEADINGS), ...rows.map(line)];
  if (lines.some((text) => fit(text) !== text)) return rows.map(paragraph);
  return [colours.bold(line(HEADINGS)), ...rows.map(line)];
}

/** A node where there is no room for a table. */
function paragraph([name = "", ...cells]: readonly string[]): string {
  const [only] = cells;
  const facts = cells.map((cell, index) => `${HEADINGS[index + 1]} ${cell}`);
  return `${colours.bold(name)}  ${cells.length === 1 ? only : facts.join(", ")}`;
}

function rowOf(report: NodeReport): string[] {
  const name = printable(report.name);
  if (report.status !== "reachable") return [name, report.status];
  const { facts } = report;
  return [
    name,
    facts.role ?? UNKNOWN,
    facts.version ?? UNKNOWN,
    `${facts.ping.toFixed(1)} ms`,
    duration(facts.uptime),
    clock(facts),
    persistence(facts),
    memory(facts),
    String(facts.replicas ?? UNKNOWN),
  ];
}

function duration(ms: number | undefined): string {
  if (ms === undefined) return UNKNOWN;
  const minutes = ms / 60_000;
  if (minutes < 2) return `${Math.round(ms / 1_000)} s`;
  if (minutes < 120) return `${Math.round(minutes)} min`;
  return minutes < 2_880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1_440)} d`;
}

function clock({ clockOffset }: NodeFacts): string {
  if (clockOffset === undefined) return UNKNOWN;
  const ms = Math.round(clockOffset.ms);
  const sign = ms > 0 ? "+" : "";
  return Math.abs(ms) < 10_000 ? `${sign}${ms} ms` : `${sign}${Math.round(ms / 1_000)} s`;
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

import { found } from "@lock/demo-kit";
import { type ReportFacts, tellFacts } from "./facts.ts";
import type { Write } from "./messages.ts";
import { lineToWrite } from "./store.ts";

export interface Expected {
  readonly reports: readonly string[];
  /** Whether the guard was used. */
  readonly guarded: boolean;
  /** The worker that was paused, and whose late write is to be refused. */
  readonly paused: string;
}

export interface Verdict {
  /** Of each report that is in the log, in the order in which they came. */
  readonly reports: readonly ReportFacts[];
  readonly refused: readonly Write[];
  /** What is wrong, in words; empty when nothing is. */
  readonly damage: readonly string[];
}

/** Judges by nothing but the log of the store. */
export function judge(log: readonly string[], expected: Expected): Verdict {
  const writes = log.map(lineToWrite).filter((write) => write !== undefined);
  const reports = tellFacts(writes);
  const checks = [
    found(log.length - writes.length, "line", "of the log cannot be read"),
    ...checkReports(reports, expected.reports),
    ...(expected.guarded ? checkGuard(writes, reports, expected.paused) : []),
  ];
  return { reports, refused: refusedOf(writes), damage: checks.filter((it) => it !== undefined) };
}

function checkReports(reports: readonly ReportFacts[], expected: readonly string[]): (string | undefined)[] {
  const finished = new Set(such(reports, ({ times }) => times > 0));
  const wanted = new Set(expected);
  const missing = expected.filter((report) => !finished.has(report));
  const unwanted = such(reports, ({ report }) => !wanted.has(report));
  const repeated = such(reports, ({ times }) => times > 1);
  const incomplete = such(reports, ({ isComplete }) => !isComplete);
  const overlapping = such(reports, ({ overlaps }) => overlaps);
  const stale = reports.reduce((sum, facts) => sum + facts.staleWrites, 0);
  return [
    named(missing, "never built"),
    named(unwanted, "built that nobody asked for"),
    named(repeated, "built more than once"),
    named(incomplete, "finished without its steps 1 to 4, in order"),
    named(overlapping, "written by two runs at once"),
    found(stale, "write", "accepted from a run whose job had been given to another one"),
  ];
}

function checkGuard(
  writes: readonly Write[],
  reports: readonly ReportFacts[],
  paused: string,
): (string | undefined)[] {
  const repeated = such(reports, ({ jobs }) => jobs > 1);
  const unfenced = writes.filter(({ fence }) => fence === undefined).length;
  const smaller = such(reports, ({ isFenceSmaller }) => isFenceSmaller);
  const isLateRefused = refusedOf(writes).some(({ worker }) => worker === paused);
  return [
    named(repeated, "added more than once"),
    found(unfenced, "write", "without a fencing token"),
    named(smaller, "written with a smaller fencing token after a larger one"),
    isLateRefused ? undefined : `no write of ${paused}, which was paused, was refused`,
  ];
}

function refusedOf(writes: readonly Write[]): Write[] {
  return writes.filter(({ outcome }) => outcome === "refused");
}

function such(reports: readonly ReportFacts[], is: (facts: ReportFacts) => boolean): string[] {
  return reports.filter(is).map(({ report }) => report);
}

function named(reports: readonly string[], problem: string): string | undefined {
  const most = 2;
  const names = reports.slice(0, most).join(", ");
  const problems = found(reports.length, "report", problem);
  return problems && `${problems}: ${names}${reports.length > most ? ", …" : ""}`;
}

import { type ReportFacts, tellFacts } from "./facts.ts";
import { type Entry, lineToEntry } from "./store.ts";

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
  readonly refused: readonly Entry[];
  /** What is wrong, in words; empty when nothing is. */
  readonly damage: readonly string[];
}

/** Judges by nothing but the log of the store. */
export function judge(log: readonly string[], expected: Expected): Verdict {
  const entries = log.map(lineToEntry);
  const known = entries.filter((entry) => entry !== undefined);
  const reports = tellFacts(known);
  const refused = known.filter(({ outcome }) => outcome === "refused");
  const checks = [
    found(entries.length - known.length, "line of the log", "cannot be read"),
    ...checkReports(reports, expected.reports),
    ...(expected.guarded ? checkGuard(known, reports, refused, expected) : []),
  ];
  return { reports, refused, damage: checks.filter((it) => it !== undefined) };
}

function checkReports(reports: readonly ReportFacts[], expected: readonly string[]): (string | undefined)[] {
  const finished = new Set(reports.filter(({ times }) => times > 0).map(({ report }) => report));
  const wanted = new Set(expected);
  const such = (is: (facts: ReportFacts) => boolean) => reports.filter(is).map(({ report }) => report);
  const stale = reports.reduce((sum, facts) => sum + facts.staleWrites, 0);
  return [
    some(
      expected.filter((report) => !finished.has(report)),
      "never built",
    ),
    some(
      such(({ report }) => !wanted.has(report)),
      "built that nobody asked for",
    ),
    some(
      such(({ times }) => times > 1),
      "built more than once",
    ),
    some(
      such(({ isComplete }) => !isComplete),
      "finished without its steps 1 to 4, in order",
    ),
    some(
      such(({ overlaps }) => overlaps),
      "written by two runs at once",
    ),
    found(stale, "write", "accepted from a run whose job had been given to another one"),
  ];
}

function checkGuard(
  known: readonly Entry[],
  reports: readonly ReportFacts[],
  refused: readonly Entry[],
  { paused }: Expected,
): (string | undefined)[] {
  const such = (is: (facts: ReportFacts) => boolean) => reports.filter(is).map(({ report }) => report);
  const isLateRefused = refused.some(({ worker }) => worker === paused);
  return [
    some(
      such(({ jobs }) => jobs > 1),
      "added more than once",
    ),
    found(known.filter(({ fence }) => fence === undefined).length, "write", "without a fencing token"),
    some(
      such(({ isFenceSmaller }) => isFenceSmaller),
      "written with a smaller fencing token after a larger one",
    ),
    isLateRefused ? undefined : `no write of ${paused}, which was paused, was refused`,
  ];
}

function some(reports: readonly string[], problem: string): string | undefined {
  const most = 5;
  if (reports.length === 0) return undefined;
  const names = reports.slice(0, most).join(", ");
  return `${found(reports.length, "report", problem)}: ${names}${reports.length > most ? ", …" : ""}`;
}

function found(count: number, what: string, problem: string): string | undefined {
  const [first = "", ...rest] = what.split(" ");
  return count === 0
    ? undefined
    : `${count} ${[count === 1 ? first : `${first}s`, ...rest].join(" ")} ${problem}`;
}

import { count, found, sayVerdict } from "@lock/demo-kit";
import { STEPS, type Step } from "./ledger.ts";

export interface Verdict {
  readonly finished: number;
  readonly cut: number;
  readonly problems: readonly string[];
}

interface Report {
  readonly pid: number;
  readonly steps: readonly Step[];
}

/** What was to happen. */
export interface Expected {
  readonly reports: number;
  /** The report whose lock run was killed, by its process; undefined where none was. */
  readonly killed: number | undefined;
}

/** From nothing but what the reports have written. */
export function judge(steps: readonly Step[], { reports: wanted, killed }: Expected): Verdict {
  const pids = [...new Set(steps.map(({ pid }) => pid))];
  const reports = pids.map((pid): Report => ({ pid, steps: steps.filter((step) => step.pid === pid) }));
  const isBeside = (index: number) => {
    const [before, next] = [reports[index - 1]?.steps.at(-1), reports[index]?.steps[0]];
    return before !== undefined && next !== undefined && next.at <= before.at;
  };
  const isSmaller = (index: number) =>
    (reports[index]?.steps[0]?.token ?? 0) <= (reports[index - 1]?.steps[0]?.token ?? 0);
  const later = reports.map((_, index) => index).slice(1);
  const unfinished = reports.filter(({ steps: own }) => own.length < STEPS);
  const finished = reports.length - unfinished.length;
  const wentOn = reports.filter(({ pid, steps: own }) => pid === killed && own.length === STEPS);
  const problems = [
    found(Math.max(0, wanted - finished), "report", "was not finished in time"),
    found(wentOn.length, "report", "went on when its lock run was killed"),
    found(later.filter(isBeside).length, "report", "ran beside another one"),
    found(later.filter(isSmaller).length, "fencing token", "did not grow"),
    // The last one may be under way when the demo ends.
    found(
      unfinished.slice(0, -1).filter(({ pid }) => pid !== killed).length,
      "report",
      "was cut short for no reason",
    ),
  ];
  return {
    finished,
    cut: unfinished.length,
    problems: problems.filter((problem) => problem !== undefined),
  };
}

/** Prints it, and answers the exit code. */
export function printVerdict({ finished, cut, problems }: Verdict): number {
  const all = `${count(finished, "report")} finished, ${cut} cut short`;
  if (problems.length === 0)
    sayVerdict("good", `good: never two reports at once: ${all}, and fencing tokens grew.`);
  else sayVerdict("bad", `BAD: ${problems.join("; ")}. ${all}.`);
  return problems.length === 0 ? 0 : 1;
}

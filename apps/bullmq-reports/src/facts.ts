import { STEPS } from "./messages.ts";
import type { Entry } from "./store.ts";

/** What the log tells of a report. */
export interface ReportFacts {
  readonly report: string;
  /** Who finished it first; undefined when nobody did. */
  readonly winner: Entry | undefined;
  /** How often it was finished. */
  readonly times: number;
  readonly jobs: number;
  /** How often a worker began to build it. */
  readonly runs: number;
  /** Whether each run that finished it had written all of its steps, in order. */
  readonly isComplete: boolean;
  /** Whether a run wrote after another one had begun. */
  readonly overlaps: boolean;
  /** Writes that were accepted after another run of the same job had begun. */
  readonly staleWrites: number;
  readonly isFenceSmaller: boolean;
}

const COMPLETE = ["begin", ...STEPS, "finished"].join();

export function tellFacts(log: readonly Entry[]): ReportFacts[] {
  const byReport = new Map<string, Entry[]>();
  for (const entry of log) {
    byReport.set(entry.report, [...(byReport.get(entry.report) ?? []), entry]);
  }
  return [...byReport].map(([report, entries]) => tellOne(report, entries));
}

function tellOne(report: string, all: readonly Entry[]): ReportFacts {
  const entries = all.filter(({ outcome }) => outcome === "accepted");
  const finished = entries.filter(({ step }) => step === "finished");
  return {
    report,
    winner: finished[0],
    times: finished.length,
    jobs: new Set(all.map(({ job }) => job)).size,
    runs: new Set(all.map(({ run }) => run)).size,
    isComplete: finished.every((end) => stepsOf(end.run, entries) === COMPLETE),
    overlaps: countLate(entries, () => true) > 0,
    staleWrites: countLate(entries, (later, earlier) => later.job === earlier.job),
    isFenceSmaller: entries.some((entry, index) => isSmaller(entry, entries.slice(0, index))),
  };
}

function stepsOf(run: string, entries: readonly Entry[]): string {
  return entries
    .filter((entry) => entry.run === run)
    .map(({ step }) => step)
    .join();
}

/** How many writes came from a run after another such one had begun later. */
function countLate(entries: readonly Entry[], isSuch: (later: Entry, earlier: Entry) => boolean): number {
  const begun: Entry[] = [];
  let late = 0;
  for (const entry of entries) {
    const own = begun.findIndex(({ run }) => run === entry.run);
    if (own === -1) begun.push(entry);
    else if (begun.slice(own + 1).some((later) => isSuch(later, entry))) late++;
  }
  return late;
}

function isSmaller({ fence }: Entry, before: readonly Entry[]): boolean {
  return (
    fence !== undefined && before.some((earlier) => earlier.fence !== undefined && earlier.fence > fence)
  );
}

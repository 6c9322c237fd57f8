import { STEPS, type Write } from "./messages.ts";

/** What the log tells of a report. */
export interface ReportFacts {
  readonly report: string;
  /** Who finished it first; undefined when nobody did. */
  readonly winner: Write | undefined;
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

export function tellFacts(log: readonly Write[]): ReportFacts[] {
  const byReport = new Map<string, Write[]>();
  for (const write of log) {
    byReport.set(write.report, [...(byReport.get(write.report) ?? []), write]);
  }
  return [...byReport].map(([report, writes]) => tellOne(report, writes));
}

function tellOne(report: string, all: readonly Write[]): ReportFacts {
  const writes = all.filter(({ outcome }) => outcome === "accepted");
  const finished = writes.filter(({ step }) => step === "finished");
  return {
    report,
    winner: finished[0],
    times: finished.length,
    jobs: new Set(all.map(({ job }) => job)).size,
    runs: new Set(all.map(({ run }) => run)).size,
    isComplete: finished.every((end) => stepsOf(end.run, writes) === COMPLETE),
    overlaps: countLate(writes, () => true) > 0,
    staleWrites: countLate(writes, (later, earlier) => later.job === earlier.job),
    isFenceSmaller: writes.some((write, index) => isSmaller(write, writes.slice(0, index))),
  };
}

function stepsOf(run: string, writes: readonly Write[]): string {
  return writes
    .filter((write) => write.run === run)
    .map(({ step }) => step)
    .join();
}

/** How many writes came from a run after another such one had begun later. */
function countLate(writes: readonly Write[], isSuch: (later: Write, earlier: Write) => boolean): number {
  const begun: Write[] = [];
  let late = 0;
  for (const write of writes) {
    const own = begun.findIndex(({ run }) => run === write.run);
    if (own === -1) begun.push(write);
    else if (begun.slice(own + 1).some((later) => isSuch(later, write))) late++;
  }
  return late;
}

function isSmaller({ fence }: Write, before: readonly Write[]): boolean {
  return (
    fence !== undefined && before.some((earlier) => earlier.fence !== undefined && earlier.fence > fence)
  );
}

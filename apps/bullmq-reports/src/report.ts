import { colours, count, type Paint, paintOf, print, printable, sayVerdict } from "@lock/demo-kit";
import { type Board, PHASES } from "./board.ts";
import type { ReportFacts } from "./facts.ts";
import { WORKERS } from "./messages.ts";
import type { Verdict } from "./verdict.ts";

const SHOWN = 8;
const SHOWN_REFUSED = 6;
const WIDTHS = { report: 13, queue: 7, worker: 8, fence: 16, runs: 4, times: 5 };

/** The first reports, and those that took more than one run. */
export function printReports({ reports }: Verdict): void {
  const { report, queue, worker, fence, runs, times } = WIDTHS;
  print(`\n${colours.bold("The reports")} ${colours.dim("(as the log of the store tells)")}\n`);
  const titles = [
    "report".padEnd(report),
    "queue".padEnd(queue),
    "built by".padEnd(worker),
    "fencing token".padEnd(fence),
    "runs".padStart(runs),
    "built".padStart(times),
  ];
  print(colours.bold(`  ${titles.join("  ")}`));
  reports.slice(0, SHOWN).forEach(printReport);
  const more = reports.slice(SHOWN);
  if (more.length === 0) return;
  const special = more.filter((facts) => facts.runs > facts.jobs);
  const shown = special.slice(0, SHOWN);
  print(colours.dim(`  … ${count(more.length, "more report")}${shown.length > 0 ? ", such as" : " …"}`));
  shown.forEach(printReport);
}

function printReport({ report, winner, runs, times, overlaps }: ReportFacts): void {
  const cells = [
    printable(report).padEnd(WIDTHS.report),
    printable(winner?.queue ?? "-").padEnd(WIDTHS.queue),
    paintWorker(winner?.worker ?? "-", WIDTHS.worker),
    String(winner?.fence ?? "-").padEnd(WIDTHS.fence),
    String(runs).padStart(WIDTHS.runs),
    String(times).padStart(WIDTHS.times),
  ];
  if (times !== 1 || overlaps) cells.push(colours.red(`✗${overlaps ? " two at once" : ""}`));
  print(`  ${cells.join("  ")}`);
}

function paintWorker(name: string, width: number): string {
  const index = (WORKERS as readonly string[]).indexOf(name);
  const paint: Paint = index === -1 ? String : paintOf(index + 1);
  return paint(printable(name).padEnd(width));
}

/** What the store did not take. */
export function printRefused({ refused }: Verdict): void {
  if (refused.length === 0) return;
  print(`\n${colours.bold("Writes that the store refused")}\n`);
  for (const { report, worker, fence, step } of refused.slice(0, SHOWN_REFUSED)) {
    print(
      `  ${paintWorker(worker, WIDTHS.worker)}  step ${printable(step)} of ${printable(report)}, fence ${fence ?? "-"}`,
    );
  }
  const more = refused.length - SHOWN_REFUSED;
  if (more > 0) print(colours.dim(`  … ${more} more …`));
}

/** What the services were answered. */
export function printRequests({ asked, added, duplicates, refused }: Board): void {
  print(
    `\n${colours.bold("Requests")}  ${asked}: ${count(added, "job")} added, ${count(duplicates, "duplicate")} refused`,
  );
  if (duplicates === 0) return;
  const phases = { waiting: "while the report waited", building: "while it was built", built: "after that" };
  print(colours.dim(`          ${PHASES.map((phase) => `${refused[phase]} ${phases[phase]}`).join(", ")}`));
}

/** Prints what was found; returns the exit code. */
export function printVerdict({ reports, refused, damage }: Verdict, guarded: boolean): number {
  if (damage.length === 0 && guarded) {
    sayVerdict("good", `good: ${count(reports.length, "report")}, each built exactly once.`);
    print(
      `  ${count(refused.length, "late write")} refused by fencing token; no two runs wrote a report at once.`,
    );
    return 0;
  }
  if (damage.length === 0) {
    sayVerdict("lucky", "no damage this time. Nothing prevented it: run it again.");
    return 0;
  }
  const built = reports.reduce((sum, { times }) => sum + times, 0);
  const why = guarded ? "although the guard was used" : "as there was no guard";
  sayVerdict("bad", `DAMAGED, ${why}: ${count(reports.length, "report")} built ${built} times.`);
  for (const problem of damage) print(`  ${colours.red("•")} ${printable(problem)}`);
  return guarded ? 1 : 0;
}

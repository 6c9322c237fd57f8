import {
  colours,
  count,
  type Paint,
  pad,
  paintOf,
  print,
  printable,
  printProse,
  sayVerdict,
  Table,
} from "@lock/demo-kit";
import { type Board, PHASES } from "./board.ts";
import type { ReportFacts } from "./facts.ts";
import { WORKERS } from "./messages.ts";
import type { Verdict } from "./verdict.ts";

const SHOWN = 8;
const SHOWN_REFUSED = 6;
const WORKER_WIDTH = 8;
const COLUMNS = {
  report: { title: "report", width: 13 },
  queue: { title: "queue", width: 7, rank: 2 },
  worker: { title: "built by", width: WORKER_WIDTH },
  fence: { title: "fencing token", width: 16 },
  runs: { title: "runs", width: -4, rank: 1 },
  times: { title: "built", width: -5 },
  note: { title: "", width: 12 },
};
const { fence: _, ...UNGUARDED } = COLUMNS;
const TOKENS = `Each report is a key of its own, and each key has fencing tokens of its own. Tokens grow for one report; two
reports can have equal tokens, which means nothing.`;

/** The first reports, and those that took more than one run. */
export function printReports({ reports }: Verdict, guarded: boolean): void {
  print(`\n${colours.bold("The reports")} ${colours.dim("(as the log of the store tells)")}\n`);
  if (guarded) printProse(`${colours.dim(TOKENS)}\n`);
  const table = new Table<string>(guarded ? COLUMNS : UNGUARDED, 2);
  print(colours.bold(`  ${table.header}`));
  const show = (facts: ReportFacts) => print(`  ${table.row(cellsOf(facts))}`);
  reports.slice(0, SHOWN).forEach(show);
  const more = reports.slice(SHOWN);
  if (more.length === 0) return;
  const special = more.filter((facts) => facts.runs > facts.jobs);
  const shown = special.slice(0, SHOWN);
  print(colours.dim(`  … ${count(more.length, "more report")}${shown.length > 0 ? ", such as" : " …"}`));
  shown.forEach(show);
}

function cellsOf({ report, winner, runs, times, overlaps }: ReportFacts) {
  const mark = overlaps ? "✗ two at once" : "✗";
  return {
    report: printable(report),
    queue: printable(winner?.queue ?? "-"),
    worker: paintWorker(winner?.worker ?? "-"),
    fence: String(winner?.fence ?? "-"),
    runs: String(runs),
    times: String(times),
    note: times !== 1 || overlaps ? colours.red(mark) : "",
  };
}

function paintWorker(name: string): string {
  const index = (WORKERS as readonly string[]).indexOf(name);
  const paint: Paint = index === -1 ? String : paintOf(index + 1);
  return paint(printable(name));
}

/** What the store did not take. */
export function printRefused({ refused }: Verdict): void {
  if (refused.length === 0) return;
  print(`\n${colours.bold("Writes that the store refused")}\n`);
  for (const { report, worker, fence, step } of refused.slice(0, SHOWN_REFUSED)) {
    print(
      `  ${pad(paintWorker(worker), WORKER_WIDTH)}  step ${printable(step)} of ${printable(report)}, fence ${fence ?? "-"}`,
    );
  }
  const more = refused.length - SHOWN_REFUSED;
  if (more > 0) print(colours.dim(`  … ${more} more …`));
}

/** What the services were answered. */
export function printRequests({ asked, added, duplicates, refused }: Board): void {
  const outcome = `${count(added, "job")} added, ${count(duplicates, "duplicate")} refused`;
  print(`\n${colours.bold("Requests")}  ${asked}: ${outcome}`);
  if (duplicates === 0) return;
  const phases = { waiting: "while the report waited", building: "while it was built", built: "after that" };
  print(colours.dim(`          ${PHASES.map((phase) => `${refused[phase]} ${phases[phase]}`).join(", ")}`));
}

/** Prints what was found; returns the exit code. */
export function printVerdict({ reports, refused, damage }: Verdict, guarded: boolean): number {
  if (damage.length === 0 && guarded) {
    sayVerdict("good", `good: ${count(reports.length, "report")}, each built exactly once.`);
    print(
      `  No two runs wrote a report at once. The store refused ${count(refused.length, "late write")} by fencing token.`,
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

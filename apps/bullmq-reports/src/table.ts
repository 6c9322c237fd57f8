import { colours, paintOf, printable } from "@lock/demo-kit";
import type { Board, WorkerState } from "./board.ts";
import type { QueueCounts } from "./observer.ts";
import { REQUESTS } from "./plan.ts";

/** What the screen shows at one moment. */
export interface Frame {
  /** Milliseconds since the start. */
  readonly at: number;
  readonly board: Board;
  readonly queues: readonly QueueCounts[];
  readonly guarded: boolean;
}

const WIDTHS = { name: 8, builds: 56, built: 5 };

/** Many lines, to be drawn over the last ones. */
export function table(frame: Frame): string[] {
  const { name, builds, built } = WIDTHS;
  return [
    colours.bold(`  ${"worker".padEnd(name)}  ${"builds".padEnd(builds)}  ${"built".padStart(built)}`),
    ...frame.board.workers.map((worker, index) => workerRow(worker, index + 1)),
    "",
    ...frame.queues.map(queueRow),
    "",
    `  ${requests(frame)}`,
    colours.dim(`  ${frame.board.built} reports built, after ${(frame.at / 1_000).toFixed(1)} s`),
  ];
}

/** One line: how far it is. */
export function line({ at, board, guarded }: Frame): string {
  const ms = colours.dim(at.toFixed(0).padStart(6));
  return `${ms}  ${requests({ board, guarded })}; ${board.built} built`;
}

/** Lines come when this changes: with each part of the requests, and each second. */
export function fingerprint({ at, board }: Frame): string {
  return `${Math.floor((board.asked * 4) / REQUESTS)} ${board.asked < REQUESTS || Math.floor(at / 1_000)}`;
}

function workerRow({ name, builds, built, fate }: WorkerState, number: number): string {
  const { name: nameWidth, builds: buildsWidth, built: builtWidth } = WIDTHS;
  const mark = fate === undefined ? "" : `✗ ${fate}: `;
  const doing = fitting(mark, [...builds.values()], buildsWidth);
  const painted = fate === undefined ? doing : colours.red(doing);
  return `  ${paintOf(number)(name.padEnd(nameWidth))}  ${painted}  ${String(built).padStart(builtWidth)}`;
}

/** As many reports as fit, and how many more there are. */
function fitting(mark: string, reports: readonly string[], width: number): string {
  for (let shown = reports.length; shown > 0; shown--) {
    const more = reports.length - shown;
    const names = reports.slice(0, shown).map(printable).join(", ");
    const text = `${mark}${names}${more > 0 ? `, +${more}` : ""}`;
    if (text.length <= width) return text.padEnd(width);
  }
  return (mark === "" ? "·" : mark.slice(0, -2)).padEnd(width);
}

function queueRow({ name, waiting, active, delayed, completed, failed }: QueueCounts): string {
  const counts = [
    `${waiting} waiting`.padStart(12),
    `${active} active`.padStart(10),
    `${delayed} delayed`.padStart(11),
    `${completed} completed`.padStart(14),
    failed > 0 ? colours.red(`${failed} failed`) : "",
  ];
  return `  ${printable(name).padEnd(WIDTHS.name)}${counts.join("  ")}`.trimEnd();
}

function requests({ board, guarded }: Pick<Frame, "board" | "guarded">): string {
  const { asked, added, duplicates } = board;
  const refused = guarded ? `${duplicates} duplicates refused` : "none refused";
  return `${String(asked).padStart(3)} of ${REQUESTS} requests: ${added} jobs added, ${refused}`;
}

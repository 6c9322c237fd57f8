import { colours, columnsOf, fit, paintOf, print, printable } from "@lock/demo-kit";
import type { Board, WorkerState } from "./board.ts";
import { isIdle, type QueueCounts } from "./observer.ts";
import { REQUESTS } from "./plan.ts";

/** What the screen shows at one moment. */
export interface Frame {
  /** Milliseconds since the start. */
  readonly at: number;
  readonly board: Board;
  readonly queues: readonly QueueCounts[];
  readonly guarded: boolean;
}

export interface Screen {
  show(frame: Frame): void;
  /** Something that stays to be read. */
  say(text: string): void;
}

const WIDTHS = { name: 8, builds: 56, built: 5 };
/** What the table needs: a line that is broken, or has left the screen, could not be drawn over. */
const NEEDED = { columns: 80, rows: 14 };

/** On a terminal a table that is drawn in place, otherwise a line now and then. */
export function openScreen({ stdout, env } = process): Screen {
  const isWide = columnsOf() >= NEEDED.columns;
  const isHigh = (stdout.rows || NEEDED.rows) >= NEEDED.rows;
  return stdout.isTTY === true && env.TERM !== "dumb" && isWide && isHigh ? live() : log();
}

/** What is said goes above the table, which is drawn again below it. */
function live(): Screen {
  let rows: string[] = [];
  let height = 0;
  let hasSaid = false;
  const draw = (above: readonly string[] = []) => {
    const below = hasSaid && rows.length > 0 ? ["", ...rows] : rows;
    const up = height > 0 ? `\u001b[${height}A` : "";
    // Each line is cleared to its end, not the screen before it: that would flicker.
    process.stdout.write(up + [...above, ...below].map((text) => `${text}\u001b[K\n`).join(""));
    height = below.length;
  };
  return {
    show: (frame) => {
      rows = table(frame);
      draw();
    },
    say: (text) => {
      hasSaid = true;
      draw(fit(mark(text)).split("\n"));
    },
  };
}

function log(): Screen {
  let last: string | undefined;
  return {
    show: (frame) => {
      const now = milestone(frame);
      if (last !== undefined && now !== last) print(line(frame));
      last = now;
    },
    say: (text) => print(mark(text)),
  };
}

function mark(text: string): string {
  return `${colours.yellow("     •")}  ${printable(text)}`;
}

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
    colours.dim(`  ${frame.board.built} reports built, after ${seconds(frame)}`),
  ];
}

/** One line: how far it is. */
export function line(frame: Frame): string {
  return `${colours.dim(seconds(frame).padStart(6))}  ${requests(frame)}; ${frame.board.built} built`;
}

/** Lines come when this changes: with each quarter of the requests, then each second, and at the end. */
export function milestone({ at, board, queues }: Frame): string {
  if (board.asked < REQUESTS) return `quarter ${Math.floor((board.asked * 4) / REQUESTS)}`;
  return queues.every(isIdle) ? "end" : `second ${Math.floor(at / 1_000)}`;
}

function seconds({ at }: Frame): string {
  return `${(at / 1_000).toFixed(1)} s`;
}

function workerRow({ name, builds, built, fate }: WorkerState, number: number): string {
  const mark = fate === undefined ? "" : `✗ ${fate}: `;
  const doing = fitting(mark, [...builds.values()], WIDTHS.builds);
  const painted = fate === undefined ? doing : colours.red(doing);
  return `  ${paintOf(number)(name.padEnd(WIDTHS.name))}  ${painted}  ${String(built).padStart(WIDTHS.built)}`;
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

function requests({ board, guarded }: Frame): string {
  const { asked, added, duplicates } = board;
  const refused = guarded ? `${duplicates} duplicates refused` : "none refused";
  return `${String(asked).padStart(3)} of ${REQUESTS} requests: ${added} jobs added, ${refused}`;
}

import { colours, pad, paintOf, printable } from "@lock/demo-kit";
import type { Lane, Turn } from "./board.ts";
import { nameOf } from "./messages.ts";

const SYMBOLS: Record<Lane, string> = { idle: "·", waits: "○", busy: "█" };
const WIDTHS = { ms: 5, holder: 9, line: 4, fence: 16, waited: 17 };

export function legend(lock: boolean): string {
  const busy = lock ? "holds the lock" : "reads, thinks and writes";
  const waits = lock ? `   ${SYMBOLS.waits} waits for it` : "";
  return colours.dim(`${SYMBOLS.busy} ${busy}${waits}   ${SYMBOLS.idle} between two turns`);
}

/** The header of the timeline; each writer has a column of its own on the left. */
export function header(writers: number, lock: boolean): string {
  const numbers = Array.from({ length: writers }, (_, index) =>
    paintOf(index + 1)(pad(String(index + 1), -2)),
  ).join("");
  const { ms, holder, line, fence, waited } = WIDTHS;
  const titles = [pad(lock ? "holder" : "writer", holder), pad("line", -line)];
  if (lock) titles.push(pad("fencing token", fence), pad("waited behind", waited), "released");
  return `${pad("ms", -ms)} ${numbers}  ${titles.join("  ")}`;
}

/** One turn; `start` is the time of the start line. */
export function row(turn: Turn, start: number, isRepeated: boolean): string {
  const { ms, holder, line, fence, waited } = WIDTHS;
  const lanes = turn.lanes.map((lane, index) => paintOf(index + 1)(pad(SYMBOLS[lane], -2))).join("");
  const cells = [paintOf(turn.writer)(pad(nameOf(turn.writer), holder)), pad(String(turn.line), -line)];
  if (turn.grant !== undefined) {
    cells.push(
      pad(String(turn.grant.fence), fence),
      pad(waiting(turn.grant), waited),
      release(turn.released),
    );
  } else if (isRepeated) {
    cells.push(colours.red(`✗ ${turn.line} was written already`));
  }
  return `${colours.dim(pad((turn.at - start).toFixed(0), -ms))} ${lanes}  ${cells.join("  ")}`;
}

function waiting({ waited, behind }: NonNullable<Turn["grant"]>): string {
  return `${pad(milliseconds(waited), -6)}${behind === undefined ? "" : ` ${printable(behind)}`}`;
}

function release(released: Turn["released"]): string {
  if (released === undefined) return colours.red("never");
  const { outcome, held } = released;
  return outcome === "released" ? `after ${pad(milliseconds(held), -5)}` : colours.red(outcome);
}

function milliseconds(time: number): string {
  return `${time.toFixed(0)} ms`;
}

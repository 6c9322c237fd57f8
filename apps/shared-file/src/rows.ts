import { type Column, colours, pad, paintOf, printable, Table } from "@lock/demo-kit";
import type { Lane, Turn } from "./board.ts";
import { nameOf } from "./messages.ts";

const SYMBOLS: Record<Lane, string> = { idle: "·", waits: "○", busy: "█" };
const WIDTHS = { ms: -5, lane: -2 };
const LOCKED = {
  holder: { title: "holder", width: 9 },
  line: { title: "line", width: -4 },
  fence: { title: "fencing token", width: 16 },
  waited: { title: "waited", width: -7, rank: 1 },
  held: { title: "held", width: -6, rank: 2 },
  behind: { title: "behind", width: 9, rank: 3 },
};
const UNLOCKED = {
  holder: { title: "writer", width: 9 },
  line: { title: "line", width: -4 },
  note: { title: "", width: 24 },
};

export function legend(lock: boolean): string {
  const { busy, waits, idle } = SYMBOLS;
  if (!lock) return colours.dim(`${busy} reads, thinks and writes   ${idle} between two turns`);
  return colours.dim(`${busy} holds the lock   ${waits} waits for it   ${idle} between two turns
behind: the holder at the time when the wait began`);
}

/** The timeline; each writer has a column of its own on the left. */
export class Rows {
  readonly #table: Table<string>;
  /** Many writers in a narrow terminal have no room for it. */
  readonly #hasLanes: boolean;

  constructor(
    private readonly writers: number,
    lock: boolean,
  ) {
    const [narrow, wide] = [2 - WIDTHS.ms, 3 - WIDTHS.ms - writers * WIDTHS.lane];
    const columns: Readonly<Record<string, Column>> = lock ? LOCKED : UNLOCKED;
    this.#hasLanes = new Table(columns, wide).fits;
    this.#table = new Table(columns, this.#hasLanes ? wide : narrow);
  }

  get header(): string {
    const digits = Array.from({ length: this.writers }, (_, index) => String((index + 1) % 10));
    return this.#left("ms", digits) + this.#table.header;
  }

  /** One turn; `start` is the time of the start line. */
  row(turn: Turn, start: number, isRepeated: boolean): string {
    const lanes = turn.lanes.map((lane) => SYMBOLS[lane]);
    return this.#left(colours.dim((turn.at - start).toFixed(0)), lanes) + this.#cells(turn, isRepeated);
  }

  #left(ms: string, lanes: readonly string[]): string {
    return `${pad(ms, WIDTHS.ms)}${this.#hasLanes ? ` ${lanesOf(lanes)}` : ""}  `;
  }

  #cells({ writer, line, grant, released }: Turn, isRepeated: boolean): string {
    const cells = { holder: paintOf(writer)(nameOf(writer)), line: String(line) };
    if (grant === undefined) {
      const note = isRepeated ? colours.red(`✗ ${line} was written already`) : "";
      return this.#table.row({ ...cells, note });
    }
    return this.#table.row({
      ...cells,
      fence: String(grant.fence),
      waited: milliseconds(grant.waited),
      held: heldOf(released),
      behind: printable(grant.behind ?? ""),
    });
  }
}

function lanesOf(symbols: readonly string[]): string {
  return symbols.map((symbol, index) => paintOf(index + 1)(pad(symbol, WIDTHS.lane))).join("");
}

function heldOf(released: Turn["released"]): string {
  if (released === undefined) return colours.red("never");
  const { outcome, held } = released;
  return outcome === "released" ? milliseconds(held) : colours.red(outcome);
}

function milliseconds(time: number): string {
  return `${time.toFixed(0)} ms`;
}

import stringWidth from "string-width";
import { columnsOf } from "./screen.ts";

export interface Column {
  readonly title: string;
  /** Columns of the terminal. */
  readonly width: number;
  /** Which part of the room that is left over it gets. Default 0. */
  readonly grows?: number;
  readonly right?: boolean;
  /** Where there is no room for all, columns with a rank are left out: the one with the highest rank first. */
  readonly rank?: number;
}

const GAP = "  ";
const ELLIPSIS = "…";
/** As people count them, of any number of code points. */
const CHARACTERS = new Intl.Segmenter();

/**
 * Lines of cells below each other that fit the terminal: cells that are too long end with an ellipsis. Where there is no
 * terminal, nothing is cut, and tabs stand between the cells. Cells are printable already.
 */
export class Table<Name extends string> {
  readonly #columns: readonly (readonly [Name, Column])[];
  readonly #room: number | undefined;

  constructor(columns: Readonly<Record<Name, Column>>, room = columnsOf()) {
    const all = Object.entries<Column>(columns) as [Name, Column][];
    this.#room = room;
    this.#columns = room === undefined ? all : grown(fitting(all, room), room);
  }

  get header(): string {
    return this.#line(([, { title }]) => title);
  }

  row(cells: Readonly<Record<Name, string>>): string {
    return this.#line(([name]) => cells[name]);
  }

  #line(textOf: (column: readonly [Name, Column]) => string): string {
    if (this.#room === undefined) return this.#columns.map(textOf).join("\t");
    return this.#columns
      .map((column) => cell(textOf(column), column[1]))
      .join(GAP)
      .trimEnd();
  }
}

function fitting<Name>(all: [Name, Column][], room: number): [Name, Column][] {
  let shown = all;
  const ranks = all.flatMap(([, { rank }]) => rank ?? []).sort((a, b) => b - a);
  for (const rank of ranks) {
    if (widthOf(shown) <= room) break;
    shown = shown.filter(([, column]) => column.rank !== rank);
  }
  return shown;
}

function grown<Name>(shown: [Name, Column][], room: number): [Name, Column][] {
  const parts = shown.reduce((sum, [, { grows = 0 }]) => sum + grows, 0);
  const left = Math.max(0, room - widthOf(shown));
  return shown.map(([name, column]) => {
    const more = parts === 0 ? 0 : Math.floor((left * (column.grows ?? 0)) / parts);
    return [name, { ...column, width: column.width + more }];
  });
}

function widthOf(columns: readonly (readonly [unknown, Column])[]): number {
  return columns.reduce((sum, [, { width }]) => sum + width, GAP.length * (columns.length - 1));
}

function cell(text: string, { width, right = false }: Column): string {
  const shown = stringWidth(text) <= width ? text : cut(text, width);
  const gap = " ".repeat(Math.max(0, width - stringWidth(shown)));
  return right ? gap + shown : shown + gap;
}

/** By the measure that pads the cells: a library that cuts by another one makes lines longer than the terminal. */
function cut(text: string, width: number): string {
  let shown = "";
  let used = ELLIPSIS.length;
  for (const { segment } of CHARACTERS.segment(text)) {
    used += stringWidth(segment);
    if (used > width) break;
    shown += segment;
  }
  return shown + ELLIPSIS;
}

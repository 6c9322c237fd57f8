import { columnsOf, pad } from "./fit.ts";

export interface Column {
  readonly title: string;
  /** A negative one aligns to the right. */
  readonly width: number;
  /** Where there is no room for all, columns with a rank are left out: the one with the highest rank first. */
  readonly rank?: number;
}

const GAP = "  ";

/** Lines of cells below each other, with as many of the columns as fit. */
export class Table<Name extends string> {
  /** Whether the columns without a rank have room. */
  readonly fits: boolean;
  readonly #shown: readonly (readonly [Name, Column])[];

  /** `indent`: how many columns are in use before the cells. */
  constructor(columns: Readonly<Record<Name, Column>>, indent = 0, room = columnsOf()) {
    let shown = Object.entries<Column>(columns) as [Name, Column][];
    const ranks = shown.flatMap(([, { rank }]) => rank ?? []).sort((a, b) => b - a);
    for (const rank of ranks) {
      if (indent + widthOf(shown) <= room) break;
      shown = shown.filter(([, column]) => column.rank !== rank);
    }
    this.#shown = shown;
    this.fits = indent + widthOf(shown) <= room;
  }

  get header(): string {
    return this.#join(([, { title, width }]) => pad(title, width));
  }

  row(cells: Readonly<Record<Name, string>>): string {
    return this.#join(([name, { width }]) => pad(cells[name], width));
  }

  #join(cell: (column: readonly [Name, Column]) => string): string {
    return this.#shown.map(cell).join(GAP).trimEnd();
  }
}

function widthOf(columns: readonly (readonly [string, Column])[]): number {
  const widths = columns.map(([, { width }]) => Math.abs(width));
  return widths.reduce((sum, width) => sum + width, GAP.length * (columns.length - 1));
}

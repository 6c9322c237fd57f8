import type { Label } from "../contestants/contestant.ts";
import type { Entry } from "../workloads/workload.ts";

/** A column of a table: its title, and what it shows of one contestant. */
export type Column<Measured> = readonly [title: string, show: (measured: Measured) => string];

/** Thousands by comma: the same on every machine, whatever its locale. */
export function number(value: number, digits = 0): string {
  if (!Number.isFinite(value)) return "-";
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function percent(share: number): string {
  return `${number(share * 100, 1)} %`;
}

/** One line per contestant; whoever failed shows why. */
export function table<Measured>(
  entries: readonly Entry<Measured>[],
  columns: readonly Column<Measured>[],
): string {
  const head = ["", "", ...columns.map(([title]) => title)];
  const rows = entries.map((entry) =>
    "measured" in entry ? [...names(entry.label), ...columns.map(([, show]) => show(entry.measured))] : [],
  );
  const widths = head.map((title, column) =>
    Math.max(
      title.length,
      ...rows.map((row) => row[column]?.length ?? 0),
      column === 0 ? longestName(entries) : 0,
    ),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ");
  const lines = entries.map((entry, at) =>
    "measured" in entry ? line(rows[at] ?? []) : `${line(names(entry.label))}  failed: ${entry.failure}`,
  );
  return [line(head), ...lines].map((text) => `  ${text.trimEnd()}`).join("\n");
}

/** What the contestants were configured with, in one line each. */
export function settingsOf(entries: readonly Entry<unknown>[]): string {
  const settings = new Map(entries.map(({ label }) => [label.name, label.settings]));
  return [...settings].map(([name, text]) => `  ${name}: ${text}`).join("\n");
}

function names({ name, client }: Label): [string, string] {
  return [name, client];
}

function longestName(entries: readonly Entry<unknown>[]): number {
  return Math.max(...entries.map(({ label }) => label.name.length));
}

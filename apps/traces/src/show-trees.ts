import { colours, columnsOf, type Paint, paintOf, print, printable, Table } from "@lock/demo-kit";
import { SERVICES } from "./messages.ts";
import type { Span } from "./otlp.ts";
import { showMs } from "./show-ms.ts";
import type { Row, Tree } from "./trees.ts";

const LONGEST_BAR = 40;
const SHORTEST_BAR = 8;
const MARKS: Partial<Record<string, string>> = { "lock.acquire": "░", "lock.hold": "█" };
const WORK_MARK = "─";

/** Draws the traces on one axis of time. */
export function printTrees(trees: readonly Tree[]): void {
  const rows = trees.flatMap((tree) => tree.rows);
  if (rows.length === 0) {
    print("  No such span was exported.");
    return;
  }
  const spans = rows.map(({ span }) => span);
  const from = Math.min(...spans.map(({ start }) => start));
  const until = Math.max(...spans.map(({ end }) => end));
  const columns = columnsFor(rows, until - from);
  const table = new Table<string>(columns);
  print(colours.dim("░ acquires   █ holds   ─ works"));
  print(`\n${colours.bold(table.header)}`);
  for (const { trace, rows: own } of trees) {
    print(colours.dim(`    trace ${trace.slice(0, 8)}`));
    for (const row of own) {
      const { span } = row;
      const paint = paintOfService(span.service);
      print(
        table.row({
          number: String(row.number),
          name: colours.dim(row.rail) + nameOf(span),
          service: paint(span.service),
          bar: paint(barOf(span, from, until, columns.bar.width)),
          time: showMs(span.end - span.start),
        }),
      );
      const said = saidOf(span, rows);
      if (said !== "") print(`    ${colours.dim(row.railBelow + said)}`);
    }
  }
}

function columnsFor(rows: readonly Row[], ms: number) {
  const name = Math.max(...rows.map(({ rail, span }) => (rail + nameOf(span)).length));
  const columns = {
    number: { title: "", width: -2 },
    name: { title: "span", width: name },
    service: { title: "service", width: Math.max(...SERVICES.map(({ length }) => length)), rank: 1 },
    time: { title: "lasts", width: -7 },
  };
  const used = Object.values(columns).reduce((sum, { width }) => sum + Math.abs(width) + 2, 0);
  const width = Math.max(SHORTEST_BAR, Math.min(LONGEST_BAR, columnsOf() - used));
  const end = showMs(ms);
  const { time, ...before } = columns;
  return { ...before, bar: { title: `0${end.padStart(width - 1)}`, width, rank: 2 }, time };
}

function nameOf({ name, attributes }: Span): string {
  const of = attributes["lock.key"] ?? attributes["order.id"];
  return printable(of === undefined ? name : `${name} ${of}`);
}

/** At least one column: what lasts no time at all has happened as well. */
function barOf({ name, start, end }: Span, from: number, until: number, width: number): string {
  const column = (time: number) => ((time - from) / Math.max(1, until - from)) * width;
  const first = Math.min(width - 1, Math.floor(column(start)));
  const length = Math.max(1, Math.round(column(end)) - first);
  return " ".repeat(first) + (MARKS[name] ?? WORK_MARK).repeat(length);
}

/** What the attributes and links of a span of a lock say. */
function saidOf({ name, attributes, links }: Span, rows: readonly Row[]): string {
  if (!name.startsWith("lock.")) return "";
  const { "lock.outcome": outcome, "lock.waited_ms": waited, "lock.holder": holder } = attributes;
  const end = attributes["lock.release_outcome"] ?? attributes["lock.lost_reason"];
  const linked = links.map((id) => rows.find(({ span }) => span.id === id)?.number ?? id.slice(0, 8));
  const parts = [
    outcome,
    waited === undefined ? undefined : `waited ${showMs(Number(waited))}`,
    holder === undefined ? undefined : `holder ${holder}`,
    end,
    linked.length === 0 ? undefined : `link to ${linked.join(", ")}`,
  ];
  return printable(parts.filter((part) => part !== undefined).join(", "));
}

export function paintOfService(service: string): Paint {
  return paintOf((SERVICES as readonly string[]).indexOf(service) + 1);
}

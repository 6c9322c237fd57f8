import { found } from "@lock/demo-kit";
import type { Tally } from "./customers.ts";
import { HEADER, lineToRow, type Row } from "./ledger.ts";

export interface Line {
  readonly text: string;
  /** Undefined when it cannot be read. */
  readonly row: Row | undefined;
  /** The order had been charged already. */
  readonly isRepeated: boolean;
}

export interface Verdict {
  readonly lines: readonly Line[];
  /** How many orders were charged more than once. */
  readonly chargedTwice: number;
  /** What customers paid without owing it. */
  readonly centsTooMuch: number;
  /** What is wrong, in words; empty when nothing is. */
  readonly damage: readonly string[];
}

/** Judges by nothing but the text of the ledger. With the lock, each row must have a fencing token. */
export function judge(text: string, orders: readonly string[], lock: boolean): Verdict {
  const lines = parse(text);
  const rows = lines.flatMap(({ row }) => row ?? []);
  const times = countOrders(rows);
  const repeated = [...times].filter(([, count]) => count > 1).map(([order]) => order);
  const missing = orders.filter((order) => !times.has(order));
  const placed = new Set(orders);
  const stray = [...times.keys()].filter((order) => !placed.has(order));
  const unfenced = lock ? rows.filter(({ fence }) => fence === undefined).length : 0;
  const checks = [
    text.startsWith(`${HEADER}\n`) ? undefined : "the ledger does not begin with its header",
    found(lines.length - rows.length, "row", "that cannot be read"),
    found(repeated.length, "order", `charged more than once: ${some(repeated)}`),
    found(missing.length, "order", `never charged: ${some(missing)}`),
    found(stray.length, "order", `charged that nobody placed: ${some(stray)}`),
    found(unfenced, "row", "without a fencing token"),
  ];
  const centsTooMuch = lines.reduce((sum, line) => sum + (line.isRepeated ? (line.row?.cents ?? 0) : 0), 0);
  return {
    lines,
    chargedTwice: repeated.length,
    centsTooMuch,
    damage: checks.filter((it) => it !== undefined),
  };
}

/** Judges what the customers were answered, by the ledger. */
export function judgeAnswers(tally: Tally, { lines }: Verdict, orders: number, lock: boolean): string[] {
  const sum = (name: "charged" | "alreadyCharged") =>
    tally.counts.reduce((total, counts) => total + counts[name], 0);
  const [charged, already] = [sum("charged"), sum("alreadyCharged")];
  const checks = [
    found(tally.failures.length, "request", `failed: ${some([...new Set(tally.failures)])}`),
    charged === lines.length ? undefined : `"charged" was answered ${charged} times for ${lines.length} rows`,
    !lock || already === orders
      ? undefined
      : `"already charged" was answered ${already} times for ${orders} orders`,
  ];
  return checks.filter((it) => it !== undefined);
}

function parse(text: string): Line[] {
  const texts = text.split("\n").slice(text.startsWith(HEADER) ? 1 : 0);
  if (texts.at(-1) === "") texts.pop();
  const charged = new Set<string>();
  return texts.map((line) => {
    const row = lineToRow(line);
    const isRepeated = row !== undefined && charged.has(row.order);
    if (row !== undefined) charged.add(row.order);
    return { text: line, row, isRepeated };
  });
}

function countOrders(rows: readonly Row[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const { order } of rows) times.set(order, (times.get(order) ?? 0) + 1);
  return times;
}

function some(texts: readonly string[]): string {
  const most = 8;
  return texts.length > most ? `${texts.slice(0, most).join(", ")}, …` : texts.join(", ");
}

import { colours, count, paintOf, print, printable, printProse, sayVerdict, Table } from "@lock/demo-kit";
import type { Tally } from "./customers.ts";
import { instanceOf } from "./messages.ts";
import { euros } from "./orders.ts";
import type { Line, Verdict } from "./verdict.ts";

const SHOWN = 8;
const SHOWN_WRONG = 4;
const COLUMNS = {
  order: { title: "order", width: 6 },
  price: { title: "price", width: -8 },
  instance: { title: "instance", width: 8 },
  pid: { title: "process", width: -7, rank: 2 },
  fence: { title: "fencing token", width: 16 },
  time: { title: "time (UTC)", width: 12, rank: 1 },
};
const { fence: _, ...UNFENCED } = COLUMNS;
const REPEATED = "✗ was charged already";
const NOTE = { note: { title: "", width: REPEATED.length } };
const TOKENS = `Each order is a key of its own, and each key has fencing tokens of its own. Tokens grow for one order; two
orders can have equal tokens, which means nothing.`;

/** The first rows of the ledger, and some that should not be there. */
export function printLedger({ lines }: Verdict, lock: boolean): void {
  print(`\n${colours.bold("The ledger")}\n`);
  if (lock) printProse(`${colours.dim(TOKENS)}\n`);
  const more = lines.slice(SHOWN);
  const wrong = more.filter((line) => line.isRepeated).slice(0, SHOWN_WRONG);
  const columns = { ...(lock ? COLUMNS : UNFENCED), ...(lines.some(isRepeated) ? NOTE : {}) };
  const table = new Table<string>(columns, 2);
  print(colours.bold(`  ${table.header}`));
  for (const line of lines.slice(0, SHOWN)) printLine(table, line);
  if (more.length === 0) return;
  print(colours.dim(`  … ${count(more.length, "more row")}${wrong.length > 0 ? ", such as" : " …"}`));
  for (const line of wrong) printLine(table, line);
}

function isRepeated(line: Line): boolean {
  return line.isRepeated;
}

function printLine(table: Table<string>, { text, row, isRepeated }: Line): void {
  if (row === undefined) {
    print(`  ${printable(text)}${colours.red("  ✗ cannot be read")}`);
    return;
  }
  const cells = table.row({
    order: printable(row.order),
    price: euros(row.cents),
    instance: paintOf(instanceOf(row.instance))(row.instance),
    pid: String(row.pid),
    fence: String(row.fence ?? "-"),
    time: row.time.slice(11, 23),
    note: isRepeated ? colours.red(REPEATED) : "",
  });
  print(`  ${cells}`);
}

/** What each instance answered. */
export function printAnswers({ counts }: Tally): void {
  print(`\n${colours.bold("What the customers were answered")}\n`);
  print(colours.bold("            charged  already charged  refused (409)"));
  for (const { place, charged, alreadyCharged, refused } of counts) {
    const name = paintOf(instanceOf(place.name))(place.name.padEnd(8));
    const cells = [
      String(charged).padStart(9),
      String(alreadyCharged).padStart(15),
      String(refused).padStart(13),
    ];
    print(`  ${name}${cells.join("  ")}`);
  }
}

export interface Outcome {
  readonly verdict: Verdict;
  /** What is wrong with the ledger, and with the answers. */
  readonly damage: readonly string[];
  readonly orders: number;
  readonly lock: boolean;
}

/** Prints what was found; returns the exit code. */
export function printVerdict({ verdict, damage, orders, lock }: Outcome): number {
  const { lines, chargedTwice, centsTooMuch } = verdict;
  if (damage.length === 0 && lock) {
    sayVerdict(
      "good",
      `good: ${count(orders, "order")}, ${count(lines.length, "charge")}, none missing and none twice.`,
    );
    return 0;
  }
  if (damage.length === 0) {
    sayVerdict("lucky", "nothing was charged twice this time. Nothing prevented it: run it again.");
    return 0;
  }
  const why = lock ? "although the lock was used" : "as nothing kept the two requests apart";
  sayVerdict("bad", `DAMAGED, ${why}.`);
  print(
    `  ${chargedTwice} of ${count(orders, "order")} charged more than once, ${euros(centsTooMuch)} too much.`,
  );
  for (const problem of damage) print(`  ${colours.red("•")} ${printable(problem)}`);
  return lock ? 1 : 0;
}

import { colours, count, paintOf, print, printable, sayVerdict } from "@lock/demo-kit";
import type { Tally } from "./customers.ts";
import { instanceOf } from "./messages.ts";
import { euros } from "./orders.ts";
import type { Line, Verdict } from "./verdict.ts";

const SHOWN = 8;
const SHOWN_WRONG = 4;
const WIDTHS = { order: 6, price: 8, instance: 8, pid: 7, fence: 16, time: 12 };

/** The first rows of the ledger, and some that should not be there. */
export function printLedger({ lines }: Verdict): void {
  const { order, price, instance, pid, fence, time } = WIDTHS;
  print(
    `\n${colours.bold("The ledger")} ${colours.dim("(fencing tokens grow within an order; two orders may share one)")}\n`,
  );
  const titles = [
    "order".padEnd(order),
    "price".padStart(price),
    "instance".padEnd(instance),
    "process".padStart(pid),
    "fencing token".padEnd(fence),
    "time (UTC)".padEnd(time),
  ];
  print(colours.bold(`  ${titles.join("  ")}`.trimEnd()));
  for (const line of lines.slice(0, SHOWN)) printLine(line);
  const more = lines.slice(SHOWN);
  if (more.length === 0) return;
  const wrong = more.filter((line) => line.isRepeated).slice(0, SHOWN_WRONG);
  print(colours.dim(`  … ${count(more.length, "more row")}${wrong.length > 0 ? ", such as" : " …"}`));
  wrong.forEach(printLine);
}

function printLine({ text, row, isRepeated }: Line): void {
  if (row === undefined) {
    print(`  ${printable(text)}${colours.red("  ✗ cannot be read")}`);
    return;
  }
  const { order, price, instance, pid, fence, time } = WIDTHS;
  const cells = [
    printable(row.order).padEnd(order),
    euros(row.cents).padStart(price),
    paintOf(instanceOf(row.instance))(row.instance.padEnd(instance)),
    String(row.pid).padStart(pid),
    String(row.fence ?? "-").padEnd(fence),
    row.time.slice(11, 23).padEnd(time),
  ];
  if (isRepeated) cells.push(colours.red("✗ was charged already"));
  print(`  ${cells.join("  ")}`.trimEnd());
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
  const why = lock ? "although the lock was used" : "as nobody kept the two requests apart";
  const twice = `${chargedTwice} of ${count(orders, "order")} charged more than once, ${euros(centsTooMuch)} too much`;
  sayVerdict("bad", `DAMAGED, ${why}: ${twice}.`);
  for (const problem of damage) print(`  ${colours.red("•")} ${printable(problem)}`);
  return lock ? 1 : 0;
}

import { colours, type DemoRedis, paintOf, print, printable, printProse } from "@lock/demo-kit";
import { instanceOf, type Place } from "./messages.ts";
import type { Options } from "./options.ts";

const CODE = `lockRoute({ locks, key: (req) => lockKey\`order:\${req.params.id}\` }, charge)`;

/** What is about to happen, before it does. */
export function printStory({ lock, orders, serve, keep }: Options, ledger: string): void {
  const how = lock ? colours.green("with the lock") : colours.red("WITHOUT the lock");
  const what = serve ? "a checkout page" : `${orders} ${orders === 1 ? "order" : "orders"}`;
  print(`\n${colours.bold(`Two instances of an Express app, ${what}, ${how}`)}\n`);
  printProse(`Each order is paid twice at the same moment, once at each instance, as a double click does. The
handler reads in the ledger whether the order was charged, asks the payment provider (40 to 120 ms), and appends a
row to the ledger.\n`);
  if (lock) print(colours.dim(`  ${CODE}\n`));
  print(`Ledger: ${printable(ledger)}, ${keep ? "kept" : "removed at the end"}`);
}

export function printRedis({ description }: DemoRedis): void {
  print(`Redis:  ${description}`);
}

export function printPlaces(places: readonly Place[], path = ""): void {
  print();
  for (const { name, origin, pid } of places) {
    print(`  ${paintOf(instanceOf(name))(name)}  ${origin}${path}  ${colours.dim(`process ${pid}`)}`);
  }
  print();
}

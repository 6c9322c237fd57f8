import { colours, paintOf, print, printProse } from "@lock/demo-kit";
import { OTHER_ORDERS, SLOW_ORDER } from "./messages.ts";
import type { Options } from "./options.ts";
import { showMs } from "./show-ms.ts";

/** What is about to happen, before it does. */
export function printStory({ slow }: Options, redis: string): void {
  const [checkout, billing] = [paintOf(1)("checkout"), paintOf(2)("billing")];
  print(`\n${colours.bold("two services, one slow holder")}\n`);
  printProse(`${checkout} locks each order, asks the payment provider, and gives the lease to ${billing}, by
a ticket, for the receipt. ${billing} also writes an invoice, for which it locks the order itself.
For order ${SLOW_ORDER}, the provider takes ${showMs(slow)}. The invoice waits, and a second click is refused.
${OTHER_ORDERS.length} other orders are quick.\n`);
  print(`Redis: ${redis}\n`);
}

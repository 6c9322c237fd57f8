import { colours, libraryOf, paintOf, print } from "@lock/demo-kit";
import { KEEPERS, LEAD_TTL_MS, MIN_HOLD_TICKS, NODES, nameOf } from "./messages.ts";
import type { Network } from "./network.ts";
import type { Options } from "./options.ts";

/** What is about to happen, before it does. */
export function printStory({ fates, every }: Options, network: Network): void {
  print(
    `\n${colours.bold(`A scheduled pricing-oracle-keeper, two instances, ${NODES} independent nodes`)}\n`,
  );
  print(
    `Every ${every} ms the keeper asks for a price and writes it into a register. The instance that leads does it, and`,
  );
  print("keeps its lead alive; the other one stands by, and takes over.");
  print(`The leader is ${fates.join(", then the next one ")}.\n`);
  for (const keeper of KEEPERS) {
    print(`  ${paintOf(keeper)(nameOf(keeper))}  ${libraryOf(keeper)}`);
  }
  print(`\nNodes:   ${network.places}, started for this demo`);
  print(`ttl:     ${LEAD_TTL_MS} ms, which is how long a dead leader leads at most`);
  print(`minHold: ${MIN_HOLD_TICKS * every} ms for each tick, so that nobody runs it again\n`);
}

import { colours, libraryOf, paintOf, print, printProse } from "@lock/demo-kit";
import { KEEPERS, LEAD_TTL_MS, MIN_HOLD_TICKS, NODES, nameOf } from "./messages.ts";
import type { Network } from "./network.ts";
import type { Options } from "./options.ts";

/** What is about to happen, before it does. */
export function printStory({ fates, every }: Options, network: Network): void {
  const title = `A scheduled pricing-oracle-keeper, two instances, ${NODES} independent nodes`;
  print(`\n${colours.bold(title)}\n`);
  printProse(`Every ${every} ms the keeper asks for a price and writes it into a register. Only the
instance that leads does so, and it keeps its lead alive. The other instance stands by, and takes over.
The leader is ${fates.join(", then the next leader is ")}.\n`);
  for (const keeper of KEEPERS) {
    print(`  ${paintOf(keeper)(nameOf(keeper))}  ${libraryOf(keeper)}`);
  }
  print(`\nNodes:   ${network.places}, started for this demo`);
  print(`ttl:     ${LEAD_TTL_MS} ms, so a dead leader blocks the next one no longer than that`);
  print(`minHold: ${MIN_HOLD_TICKS * every} ms for each tick, so that no tick is run again\n`);
}

import { colours, count, print, sayVerdict } from "@lock/demo-kit";
import type { Fault, History } from "./history.ts";
import { nameOf } from "./messages.ts";
import type { Register } from "./register.ts";
import { missedTicks } from "./verdict.ts";

/** Prints what was found; returns the exit code. */
export function printVerdict(damage: readonly string[], history: History, register: Register): number {
  if (damage.length > 0) {
    sayVerdict("bad", "NOT GOOD: the keepers broke a promise.");
    for (const problem of damage) print(`  ${colours.red("•")} ${problem}`);
    return 1;
  }
  sayVerdict("good", "good: no two keepers led at once, and no tick was written twice.");
  const missed = missedTicks(register);
  const gaps = missed.length === 0 ? "none missed" : `missed: ${missed.join(", ")}`;
  print(`  ${register.accepted.length} ticks were written, ${gaps}.`);
  print(`  There were ${history.reigns.length} leads, each with a larger fencing token.`);
  for (const fault of history.faults) printFault(fault, history);
  for (const { keeper, tick, fence, highest } of register.refused) {
    print(`  The late write of ${nameOf(keeper)} (tick ${tick}) was refused:`);
    print(`  its token ${fence} < ${highest}, the largest so far.`);
  }
  if (history.skipped.length > 0) {
    const skips = count(history.skipped.length, "tick");
    print(`  New leaders skipped ${skips} that had been run: minHold still held the keys.`);
  }
  return 0;
}

function printFault(fault: Fault, history: History): void {
  const next = history.successor(fault);
  if (next === undefined) return;
  const believed = `${(fault.believed - fault.at).toFixed(0)} ms`;
  const after = `${(next.from - fault.at).toFixed(0)} ms`;
  const name = nameOf(fault.keeper);
  print(
    `  ${name} was ${fault.fate} with ${believed} of its lead left; ${nameOf(next.keeper)} led after ${after}.`,
  );
}

import { colours, print, sayVerdict } from "@lock/demo-kit";
import type { Fault, History } from "./history.ts";
import { nameOf } from "./messages.ts";
import type { Register } from "./register.ts";
import { missedTicks } from "./verdict.ts";

/** Prints what was found; returns the exit code. */
export function printVerdict(damage: readonly string[], history: History, register: Register): number {
  if (damage.length > 0) {
    sayVerdict("bad", "NOT GOOD: the keeper did not keep its promises.");
    for (const problem of damage) print(`  ${colours.red("•")} ${problem}`);
    return 1;
  }
  sayVerdict("good", "good: never two that believed to lead, and no tick was written twice.");
  const missed = missedTicks(register);
  const gaps = missed.length === 0 ? "none missed" : `missed: ${missed.join(", ")}`;
  print(
    `  ${register.accepted.length} ticks written, ${gaps}; ${history.reigns.length} leads, fencing tokens strictly growing.`,
  );
  for (const fault of history.faults) printFault(fault, history);
  for (const { keeper, tick, fence, highest } of register.refused) {
    print(`  The late write of ${nameOf(keeper)} (tick ${tick}) was refused: token ${fence} < ${highest}.`);
  }
  if (history.skipped.length > 0) {
    print(
      `  ${history.skipped.length} times a new leader tried a tick that had been run: minHold kept it from that.`,
    );
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
    `  ${name} was ${fault.fate}: its lead was good for ${believed} more; ${nameOf(next.keeper)} led after ${after}.`,
  );
}

import { colours, count, print, sayVerdict } from "@lock/demo-kit";
import type { Death, Hold } from "./history.ts";
import { nameOf } from "./messages.ts";
import type { Verdict } from "./verdict.ts";

/** Prints what was found; returns the exit code. */
export function printVerdict(
  { damage, comeback }: Verdict,
  holds: readonly Hold[],
  death: Death | undefined,
  ttl: number,
): number {
  const done = holds.filter((hold) => hold.outcome === "done").length;
  const models = new Set(holds.map((hold) => hold.slot)).size;
  if (damage.length > 0) {
    sayVerdict("bad", "NOT GOOD: the pool broke a promise.");
    for (const problem of damage) print(`  ${colours.red("•")} ${problem}`);
    return 1;
  }
  sayVerdict("good", "good: no two nodes had one model at a time.");
  print(`  ${done} pieces of work were done on ${models} models.`);
  print("  Each model is a key of its own: its fencing tokens grow, and two models can have equal tokens.");
  if (death !== undefined && comeback !== undefined) {
    print(`  ${nameOf(death.node)} was killed (SIGKILL) while it held model ${death.slot}, which`);
    print(
      `  ${nameOf(comeback.node)} was granted ${comeback.after.toFixed(0)} ms later, with a ttl of ${ttl} ms.`,
    );
  }
  printNumbers(holds);
  return 0;
}

function printNumbers(holds: readonly Hold[]): void {
  const waits = holds.map((hold) => hold.waited).sort((a, b) => a - b);
  const [median = 0, longest = 0] = [waits[Math.floor(waits.length / 2)], waits.at(-1)];
  print(`  Waits for a model: median ${median.toFixed(1)} ms, longest ${longest.toFixed(0)} ms.`);
  const lost = holds.filter((hold) => hold.outcome === "lost").length;
  if (lost > 0) print(`  Busy nodes lost ${count(lost, "lease")}, noticed it, and did that work again.`);
}

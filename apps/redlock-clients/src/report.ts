import { colours, count, print, printable, sayVerdict } from "@lock/demo-kit";
import type { History } from "./history.ts";
import type { LogFile } from "./log-file.ts";
import type { Outage } from "./outage.ts";

type Events = Pick<Outage, "killed" | "returned">;

/** Prints what was found; returns the exit code. */
export function printVerdict(
  damage: readonly string[],
  history: History,
  outage: Events,
  log: LogFile,
): number {
  const isGood = damage.length === 0;
  if (isGood) {
    sayVerdict("good", "good: no two clients held the lock at once.");
    print(`  ${history.done()} leases: at least 3 nodes granted each, and each has a larger fencing token.`);
    printOutage(history, outage);
  } else {
    sayVerdict("bad", "NOT GOOD: the quorum broke a promise.");
    for (const problem of damage) print(`  ${colours.red("•")} ${problem}`);
  }
  printNumbers(history);
  print(
    `\nEvery attempt, vote, release and retry, node by node (${log.lines} lines):\n  ${printable(log.path)}`,
  );
  return isGood ? 0 : 1;
}

function printOutage(history: History, { killed, returned }: Events): void {
  if (killed === undefined) return;
  const asked = history.holds.filter((hold) => hold.asked > killed.at);
  const since = returned ?? killed;
  const first = Math.min(...asked.filter(({ from }) => from > since.at).map(({ from }) => from));
  const after = `the first of them ${(first - since.at).toFixed(0)} ms later`;
  if (returned === undefined) {
    print(`  ${asked.length} of them were asked for after two nodes had been killed,\n  ${after}.`);
    return;
  }
  const seconds = ((returned.at - killed.at) / 1_000).toFixed(1);
  const refused = count(history.refusals.filter(({ at }) => at < returned.at).length, "acquire");
  print(`  Three nodes were away for ${seconds} s: ${refused} refused, none granted.`);
  print(`  One returned, and ${count(asked.length, "lease")} followed, ${after}.`);
}

function printNumbers({ holds, attempts, timeouts, refusals }: History): void {
  const waits = holds.map(({ waited }) => waited).sort((a, b) => a - b);
  const [median = 0, longest = 0] = [waits[Math.floor(waits.length / 2)], waits.at(-1)];
  const waited = `median ${median.toFixed(0)} ms, longest ${longest.toFixed(0)} ms`;
  print(`  Waits for the lock: ${waited}; ${attempts} attempts.`);
  const inVain = [
    timeouts > 0 ? `${timeouts} as the lock was busy` : undefined,
    refusals.length > 0 ? `${refusals.length} as there was no majority` : undefined,
  ].filter((part) => part !== undefined);
  if (inVain.length > 0) print(`  Acquires that had to be repeated: ${inVain.join(", ")}.`);
}

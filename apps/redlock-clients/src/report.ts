import { colours, print, printable, sayVerdict } from "@lock/demo-kit";
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
    sayVerdict("good", "good: never two clients with the lock at a time.");
    print(`  ${history.done()} leases, each granted by at least 3 nodes, fencing tokens strictly growing.`);
    printOutage(history, outage);
  } else {
    sayVerdict("bad", "NOT GOOD: the quorum did not keep its promises.");
    for (const problem of damage) print(`  ${colours.red("•")} ${problem}`);
  }
  printNumbers(history);
  print(
    `\nEvery attempt, vote, release and retry, node by node: ${printable(log.path)} (${log.lines} lines)`,
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
    print(`  ${asked.length} of them were asked for after two nodes had been killed, ${after}.`);
    return;
  }
  const seconds = ((returned.at - killed.at) / 1_000).toFixed(1);
  print(
    `  Three nodes were away for ${seconds} s: ${history.refusals.length} acquires were refused, none was granted.`,
  );
  print(`  One returned, and ${asked.length} leases were granted again, ${after}.`);
}

function printNumbers({ holds, attempts, timeouts, refusals }: History): void {
  const waits = holds.map(({ waited }) => waited).sort((a, b) => a - b);
  const [median = 0, longest = 0] = [waits[Math.floor(waits.length / 2)], waits.at(-1)];
  print(
    `  Waits for the lock: median ${median.toFixed(0)} ms, longest ${longest.toFixed(0)} ms; ${attempts} attempts.`,
  );
  const inVain = [
    timeouts > 0 ? `${timeouts} of a busy lock` : undefined,
    refusals.length > 0 ? `${refusals.length} without a majority` : undefined,
  ].filter((part) => part !== undefined);
  if (inVain.length > 0) print(`  Asked in vain and again: ${inVain.join(", ")}.`);
}

import { setTimeout as sleep } from "node:timers/promises";
import { colours, orStop, paintOf, print, printable } from "@lock/demo-kit";
import type { Instances } from "./instances.ts";
import type { Ledger } from "./ledger.ts";
import { type Attempt, instanceOf } from "./messages.ts";
import type { Options } from "./options.ts";
import { printLedger, printVerdict } from "./report.ts";
import { judge } from "./verdict.ts";

/** Leaves the shop to visitors of the page, and judges at the end; resolves with the exit code. */
export async function serve(
  { minutes, lock }: Options,
  instances: Instances,
  ledger: Ledger,
  stop: AbortSignal,
): Promise<number> {
  print(`Open either page in a browser. Ctrl-C ends the demo; it ends after ${minutes} min.\n`);
  await orStop(instances.during(sleep(minutes * 60_000, undefined, { signal: stop })), stop);
  const text = await ledger.read();
  // Whatever was charged was placed by somebody.
  const orders = [...new Set(judge(text, [], lock).lines.flatMap(({ row }) => row?.order ?? []))];
  const verdict = judge(text, orders, lock);
  if (verdict.lines.length === 0) {
    print("No order was paid.");
    return 0;
  }
  printLedger(verdict, lock);
  return printVerdict({ verdict, damage: verdict.damage, orders: orders.length, lock });
}

export function printAttempt({ instance, order, outcome, status, fence, held }: Attempt): void {
  const lease = fence === undefined ? "" : `, token ${fence}`;
  const time = held === undefined ? "" : `, lease held ${held.toFixed(0)} ms`;
  const name = paintOf(instanceOf(instance))(instance);
  print(`  ${name}  ${outcome}: order ${printable(order)}${lease}${time} ${colours.dim(`(${status})`)}`);
}

import { colours, orStop, print } from "@lock/demo-kit";
import { Customers } from "./customers.ts";
import type { Instances } from "./instances.ts";
import type { Ledger } from "./ledger.ts";
import type { Place } from "./messages.ts";
import type { Options } from "./options.ts";
import { showProgress } from "./progress.ts";
import { printAnswers, printLedger, printVerdict } from "./report.ts";
import { judge, judgeAnswers } from "./verdict.ts";

const FIRST_ORDER = 1_001;

/** Lets customers pay, and judges; resolves with the exit code. */
export async function rush(
  { orders: count, lock }: Options,
  instances: Instances,
  places: readonly Place[],
  ledger: Ledger,
  stop: AbortSignal,
): Promise<number> {
  const orders = Array.from({ length: count }, (_, index) => String(FIRST_ORDER + index));
  const customers = new Customers(places, stop, showProgress(count));
  await orStop(instances.during(customers.pay(orders)), stop);
  const verdict = judge(await ledger.read(), orders, lock);
  const damage = [...verdict.damage, ...judgeAnswers(customers, verdict, count, lock)];
  printLedger(verdict, lock);
  printAnswers(customers);
  const exitCode = printVerdict({ verdict, damage, orders: count, lock });
  if (exitCode === 0 && lock) {
    print(colours.dim("\n  What happens without the lock: pnpm demo express-orders --no-lock"));
    print(colours.dim("  See it in a browser:           pnpm demo express-orders --serve"));
  }
  return exitCode;
}

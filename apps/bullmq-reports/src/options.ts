import { parseOptions } from "@lock/demo-kit";
import { REPORTS, REQUESTS } from "./plan.ts";

export interface Options {
  readonly guard: boolean;
  readonly keep: boolean;
  readonly help: boolean;
}

export const HELP = `Two services ask for ${REPORTS.length} reports, ${REQUESTS} times in all, through two BullMQ queues.
Three worker processes build the reports. One worker is killed in the middle of
a report. Another one is paused, and wakes up too late. The store tells how
often each report was built, and which writes it refused.

  pnpm demo bullmq-reports [options]

  --no-guard    no guard and no fencing tokens: see the damage
  --keep        keep the reports and their log in the Redis that you name
  --help        show this

It starts a Redis of its own. To use yours, set REDIS_URL, or any of
REDIS_HOST, REDIS_PORT and REDIS_PASSWORD.

Exit code: with the guard, 0 if each report was built exactly once and the late
write of the paused worker was refused, and 1 if not. With --no-guard, 0 also
when there is damage.`;

/** @throws DemoError */
export function readOptions(argv: readonly string[]): Options {
  const values = parseOptions("bullmq-reports", argv, {
    "no-guard": { type: "boolean" },
    keep: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  });
  return { guard: values["no-guard"] !== true, keep: values.keep === true, help: values.help === true };
}

import { parseOptions } from "@lock/demo-kit";

export interface Options {
  readonly guard: boolean;
  readonly keep: boolean;
  readonly help: boolean;
}

export const HELP = `Two services ask for 40 reports, 500 times in all, through two BullMQ queues; three worker processes build them.
One worker is killed in the middle of a report, another one is paused and wakes up too late. The store tells how
often each report was built, and whose writes it refused.

  pnpm demo bullmq-reports [options]

  --no-guard    add and work without the guard and without fencing tokens, and see the damage
  --keep        keep the reports and their log in the Redis that the environment names
  --help        show this

It starts a Redis of its own, unless REDIS_URL, or REDIS_HOST, REDIS_PORT and REDIS_PASSWORD name one.
Exit code: with the guard 0 only if each report was built exactly once, and the paused worker's late write was refused;
without it always 0, whatever the damage is.`;

/** @throws DemoError */
export function readOptions(argv: readonly string[]): Options {
  const values = parseOptions("bullmq-reports", argv, {
    "no-guard": { type: "boolean" },
    keep: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  });
  return { guard: values["no-guard"] !== true, keep: values.keep === true, help: values.help === true };
}

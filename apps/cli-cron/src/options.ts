import { parseOptions, readWhole } from "@lock/demo-kit";

export interface Options {
  /** How many reports are to be finished. */
  readonly reports: number;
  readonly kill: boolean;
  readonly help: boolean;
}

export const HELP = `Two shells stand for cron on two hosts. Both want to run the same report again
and again, by lock run: one of them runs it, and the other one skips. In the
middle of a report, lock run is killed with SIGKILL.

  pnpm demo cli-cron [options]

  --reports N  how many reports are to be finished, 2 to 20 (default 5)
  --no-kill    kill nothing
  --help       show this

It starts a Redis of its own. To use yours, set REDIS_URL, or any of
REDIS_HOST, REDIS_PORT and REDIS_PASSWORD.

Exit code: 0 if no two reports ran at once, fencing tokens grew, and the report
of the lock run that was killed had ended before the next one began. Else 1.`;

/** @throws DemoError */
export function readOptions(argv: readonly string[]): Options {
  const values = parseOptions("cli-cron", argv, {
    reports: { type: "string" },
    "no-kill": { type: "boolean" },
    help: { type: "boolean", short: "h" },
  });
  return {
    reports: readWhole("--reports", values.reports, { byDefault: 5, least: 2, most: 20 }),
    kill: values["no-kill"] !== true,
    help: values.help === true,
  };
}

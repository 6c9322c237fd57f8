import { DemoError, parseOptions, quoted, readWhole } from "@lock/demo-kit";

export interface Options {
  readonly clients: number;
  readonly turns: number;
  /** How many nodes are killed. */
  readonly kill: 0 | 2 | 3;
  readonly log: string;
  readonly help: boolean;
}

export const HELP = `Several client processes want one lock. The majority of five independent Redis
nodes grants it. A log has every attempt, vote, acquisition, release and retry.

  pnpm demo redlock-clients [options]

  --kill 2      kill two of the five nodes in the middle: work goes on
  --kill 3      kill three: nothing is granted until one of them returns
  --clients N   how many processes, 2 to 12 (default 5)
  --turns N     how often each process wants the lock, 2 to 20 (default 4)
  --log FILE    where the log is written (default logger.log, in this directory)
  --help        show this

It starts its nodes at the ports 63791 to 63795, or at free ports if these are
taken.

Exit code: 0 if no two clients held the lock at once, fencing tokens grew, at
least three nodes granted each lease, all work was done, and --kill had the
effect that is described above. Otherwise 1.`;

/** @throws DemoError */
export function readOptions(argv: readonly string[]): Options {
  const values = parseOptions("redlock-clients", argv, {
    clients: { type: "string" },
    turns: { type: "string" },
    kill: { type: "string" },
    log: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  return {
    clients: readWhole("--clients", values.clients, { byDefault: 5, least: 2, most: 12 }),
    turns: readWhole("--turns", values.turns, { byDefault: 4, least: 2, most: 20 }),
    kill: readKill(values.kill),
    log: values.log ?? "logger.log",
    help: values.help === true,
  };
}

function readKill(text = "0"): Options["kill"] {
  if (text === "0") return 0;
  if (text === "2") return 2;
  if (text === "3") return 3;
  throw new DemoError(`--kill must be 2 (work goes on) or 3 (work stops), got ${quoted(text)}`);
}

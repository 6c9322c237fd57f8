import { parseOptions, readWhole } from "@lock/demo-kit";

export interface Options {
  readonly lock: boolean;
  readonly writers: number;
  readonly turns: number;
  readonly help: boolean;
}

export const HELP = `Several processes write one shared file. In each turn, a writer reads the
number of the last line, thinks for some milliseconds, and appends a line with
the next number.

  pnpm demo shared-file [options]

  --no-lock     write without the lock, and see the damage
  --writers N   how many processes, 1 to 12 (default 4)
  --turns N     how many lines each process writes, 1 to 50 (default 6)
  --help        show this

It starts a Redis of its own. To use yours, set REDIS_URL, or any of
REDIS_HOST, REDIS_PORT and REDIS_PASSWORD.

Exit code: with the lock, 0 if the file is in sequence, and 1 if not. With
--no-lock, 0 also when there is damage.`;

/** @throws DemoError */
export function readOptions(argv: readonly string[]): Options {
  const values = parseOptions("shared-file", argv, {
    "no-lock": { type: "boolean" },
    writers: { type: "string" },
    turns: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  return {
    lock: values["no-lock"] !== true,
    writers: readWhole("--writers", values.writers, { byDefault: 4, least: 1, most: 12 }),
    turns: readWhole("--turns", values.turns, { byDefault: 6, least: 1, most: 50 }),
    help: values.help === true,
  };
}

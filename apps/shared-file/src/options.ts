import { parseOptions, readWhole } from "@lock/demo-kit";

export interface Options {
  readonly lock: boolean;
  readonly writers: number;
  readonly turns: number;
  readonly help: boolean;
}

export const HELP = `Several processes write one shared file. Each turn of a writer reads the number of the last line, thinks
for some milliseconds, and appends a line with the next number.

  pnpm demo shared-file [options]

  --no-lock     let them write without the lock, and see the damage
  --writers N   how many processes, 1 to 12 (default 4)
  --turns N     how many lines each of them writes, 1 to 50 (default 6)
  --help        show this

It starts a Redis of its own, unless REDIS_URL, or REDIS_HOST, REDIS_PORT and REDIS_PASSWORD name one.
Exit code: with the lock 0 only if the file is in sequence; without it always 0, whether damage was done or not.`;

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

import { parseArgs } from "node:util";
import { DemoError, quoted } from "@lock/demo-kit";

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
  const { values } = parse(argv);
  return {
    lock: values["no-lock"] !== true,
    writers: readCount("--writers", values.writers, 4, 12),
    turns: readCount("--turns", values.turns, 6, 50),
    help: values.help === true,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        "no-lock": { type: "boolean" },
        writers: { type: "string" },
        turns: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new DemoError(`${quoted(said).slice(1, -1)}\n  try: pnpm demo shared-file --help`);
  }
}

function readCount(name: string, text: string | undefined, byDefault: number, most: number): number {
  if (text === undefined) return byDefault;
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= most) return count;
  throw new DemoError(`${name} must be a whole number from 1 to ${most}, got ${quoted(text)}`);
}

import { type ParseArgsConfig, parseArgs } from "node:util";
import { DemoError } from "./errors.ts";
import { quoted } from "./terminal.ts";

/** What an option of a demo may be. */
export interface Range {
  readonly byDefault: number;
  readonly least: number;
  readonly most: number;
}

/**
 * The options that a demo was called with.
 * @throws DemoError for one that it does not know, naming its help
 */
export function parseOptions<T extends NonNullable<ParseArgsConfig["options"]>>(
  demo: string,
  argv: readonly string[],
  options: T,
) {
  try {
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new DemoError(`${quoted(said).slice(1, -1)}\n  try: pnpm demo ${demo} --help`);
  }
}

/** @throws DemoError */
export function readWhole(name: string, text: string | undefined, { byDefault, least, most }: Range): number {
  if (text === undefined) return byDefault;
  const number = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (number >= least && number <= most) return number;
  throw new DemoError(`${name} must be a whole number from ${least} to ${most}, got ${quoted(text)}`);
}

/**
 * The first of so many ports in a row; 0, which is any that are free, when it is not given.
 * @throws DemoError
 */
export function readPort(text: string | undefined, ports = 1): number {
  return readWhole("--port", text, { byDefault: 0, least: 1, most: 65_536 - ports });
}

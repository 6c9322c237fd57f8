import { type ParseArgsConfig, parseArgs } from "node:util";

/** One of the campaigns of `pnpm prove`. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Runs it with the words behind its name. The exit code of the process. @throws UsageError */
  run(args: readonly string[]): Promise<number>;
}

/** Reads the flags behind the name of a campaign. @throws UsageError with its help, for what it does not know */
export function readFlags<Options extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: Options,
  help: string,
) {
  return withHelp(help, () => parseArgs({ args: [...args], options }).values);
}

/** The same, where other words may stand beside the flags. @throws UsageError with its help, for what it does not know */
export function parseWords<Options extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: Options,
  help: string,
) {
  return withHelp(help, () => parseArgs({ args: [...args], options, allowPositionals: true }));
}

function withHelp<T>(help: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : error}\n\n${help}`);
  }
}

/** The number that a flag was given. @throws UsageError */
export function readCount(name: string, text: string, least: number): number {
  const count = Number(text);
  if (/^\d{1,9}$/.test(text) && count >= least) return count;
  throw new UsageError(`--${name} must be a whole number from ${least}, got ${JSON.stringify(text)}`);
}

/** The command line is wrong; its message says how it would be right. */
export class UsageError extends Error {}

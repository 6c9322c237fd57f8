import { type ParseArgsConfig, parseArgs } from "node:util";
import { printable, printError, printProse } from "@lock/demo-kit";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Values of a command's options, by what they are declared as. */
export type Values = Readonly<Record<string, string | boolean | undefined>>;

export interface Command {
  readonly name: string;
  /** What it does, its options, its exit codes. */
  readonly help: string;
  readonly options: Options;
  /** Resolves with the exit code. */
  run(values: Values): Promise<number>;
}

/** Something that the person at the terminal has to change: told without a stack. */
export class ControlError extends Error {
  override readonly name = "ControlError";
}

/** A wrong option or environment: exit code 64 (EX_USAGE). */
export class UsageError extends ControlError {}

export async function runCommand(command: Command, argv: readonly string[]): Promise<number> {
  try {
    const values = parse(command, argv);
    if (values.help !== true) return await command.run(values);
    printProse(command.help);
    return 0;
  } catch (error) {
    return report(error);
  }
}

function parse({ name, options }: Command, argv: readonly string[]): Values {
  try {
    // pnpm passes the "--" of `pnpm redis:start -- --quorum` on.
    const args = argv.filter((word) => word !== "--");
    const { values } = parseArgs({ args, options: { ...options, help: { type: "boolean", short: "h" } } });
    return values as Values;
  } catch (error) {
    // A word too many may be a password that was meant for something else.
    const said = messageOf(error).replace(/^(Unexpected argument) '.*?'\./s, "$1.");
    throw new UsageError(`${said}\n  try: pnpm redis:${name} --help`);
  }
}

/** @throws UsageError */
export function readNumber(values: Values, name: string, least: number, most: number): number | undefined {
  const text = values[name];
  if (typeof text !== "string") return undefined;
  const number = /^\d{1,6}$/.test(text) ? Number(text) : -1;
  if (number >= least && number <= most) return number;
  const got = /^-?\d{1,9}$/.test(text) ? text : "another text";
  throw new UsageError(`--${name} must be a whole number from ${least} to ${most}, got ${got}`);
}

function report(error: unknown): number {
  const lines = messageOf(error).split("\n").map(printable).join("\n");
  printError(lines);
  return error instanceof UsageError ? 64 : 1;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

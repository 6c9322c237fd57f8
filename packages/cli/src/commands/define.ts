import type { Command } from "commander";
import { asFailure, printFailure } from "../failure.ts";
import { colours } from "../output/screen.ts";
import type { GlobalFlags } from "../target.ts";

export interface Definition<Flags, Operands extends unknown[]> {
  /** The name and the operands, as commander writes them. */
  readonly name: string;
  readonly summary: string;
  /** Paragraphs for its help. */
  readonly about: string;
  /** A command line, and what it is for. */
  readonly examples: readonly (readonly [string, string])[];
  /** Resolves with the exit code. */
  act(flags: Flags, ...operands: Operands): Promise<number>;
}

/** Adds a command to the program; whatever it throws becomes one line and an exit code. */
export function define<Flags extends GlobalFlags, Operands extends unknown[]>(
  program: Command,
  { name, summary, about, examples, act }: Definition<Flags, Operands>,
): Command {
  const shown = examples.map(([line, what]) => `  ${line}\n      ${colours.dim(what)}`);
  const command = program
    .command(name)
    .summary(summary)
    .description(about)
    .addHelpText("after", `\nExamples:\n${shown.join("\n")}`);
  return command.action(async (...given: unknown[]) => {
    const operands = given.slice(0, -2) as Operands;
    const flags = command.optsWithGlobals<Flags>();
    try {
      process.exitCode = await act(flags, ...operands);
    } catch (error) {
      const failure = asFailure(error);
      printFailure(failure, flags.json === true);
      process.exitCode = failure.exitCode;
    }
  });
}

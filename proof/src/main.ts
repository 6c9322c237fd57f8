import { campaigns } from "./campaigns/command.ts";
import { type Command, UsageError } from "./command.ts";
import { differential } from "./differential/command.ts";
import { history } from "./history/command.ts";
import { mutants } from "./mutants/command.ts";
import { simulate } from "./simulate/command.ts";
import { versions } from "./versions/command.ts";

const COMMANDS: readonly Command[] = [simulate, differential, campaigns, versions, mutants, history];

function usage(): string {
  const longest = Math.max(...COMMANDS.map(({ name }) => name.length));
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(longest)}  ${summary}`);
  return ["usage: pnpm prove COMMAND [options]; pnpm prove COMMAND --help says more", "", ...lines].join(
    "\n",
  );
}

// `tsx proof/src/main.ts <command> [...arguments]`, as the script `prove` of the root package.json calls it.
const [name, ...args] = process.argv.slice(2);
const command = COMMANDS.find((each) => each.name === name);
if (command === undefined) {
  const isAsked = name === undefined || name === "--help";
  console.log(isAsked ? usage() : `no command ${JSON.stringify(name)}\n${usage()}`);
  process.exitCode = isAsked ? 0 : 64;
} else {
  try {
    process.exitCode = await command.run(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exitCode = 64;
  }
}

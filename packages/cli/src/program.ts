import { withoutSecrets } from "@lock/core/adapter";
import { Command, CommanderError, type OutputConfiguration } from "commander";
import { defineCompletion } from "./commands/completion.ts";
import { defineHealth } from "./commands/health.ts";
import { defineInspect } from "./commands/inspect.ts";
import { defineList } from "./commands/ls.ts";
import { defineRelease } from "./commands/release.ts";
import { defineRun } from "./commands/run.ts";
import { defineTickets } from "./commands/tickets.ts";
import { defineTop } from "./commands/top.ts";
import { defineWatch } from "./commands/watch.ts";
import { EXIT } from "./exit-codes.ts";
import { Failure, printFailure } from "./failure.ts";
import { columnsOf } from "./output/screen.ts";

const ABOUT = `Runs programs under a distributed lock, shows who holds what, and frees what is stuck.

Redis is found by --url or --nodes, else by REDIS_NODES (a quorum), REDIS_URL, or REDIS_HOST,
REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD and REDIS_DB, else at 127.0.0.1:6379. Passwords belong
into variables: everybody can see arguments.`;

const CODES = `
Exit codes:
  0    done; of lock run: the command's own code, 128 + n where signal n ended it
  1    nobody holds what was to be freed; 2 unhealthy (lock health)
  64   wrong arguments or environment: nothing was done
  69   Redis cannot be used
  75   the key is busy, and --wait is 0
  76   the key was busy for as long as --wait says
  77   the lease was lost, or a ticket is over`;

const COMMANDS = [
  defineRun,
  defineList,
  defineInspect,
  defineRelease,
  defineWatch,
  defineTop,
  defineHealth,
  defineTickets,
  defineCompletion,
];

/** The whole command line. */
export function makeProgram(): Command {
  const program = new Command("lock")
    .description(ABOUT)
    .option("--url <url>", "a Redis: redis://host:6379 or rediss://user:password@host:6379/0")
    .option("--nodes <list>", "instead, several: host:port or urls, with commas between: a quorum")
    .option("--sentinel <master>", "the nodes are Sentinels that watch the master of that name")
    .option("--cluster", "the nodes are of a Redis Cluster")
    .option("--prefix <prefix>", "the prefix of your locks", "lock")
    .option("--json", "JSON: one document, or one line per event")
    .addHelpText("after", CODES)
    .exitOverride()
    .configureOutput(outputs())
    .configureHelp({ helpWidth: Math.min(100, columnsOf() ?? 100), showGlobalOptions: true })
    .showSuggestionAfterError(true);
  program.helpOption("-h, --help", "show this").helpCommand(false);
  for (const define of COMMANDS) define(program);
  for (const command of program.commands) {
    command.helpOption("-h, --help", "show this").exitOverride().configureOutput(outputs());
    command.copyInheritedSettings(program);
  }
  return program;
}

function outputs(): OutputConfiguration {
  return { outputError: () => undefined };
}

/** Runs a command line; sets the exit code of the process. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = makeProgram();
  try {
    if (argv.length === 0) program.help({ error: false });
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    printFailure(refusal(error, program, argv), argv.includes("--json"));
    process.exitCode = EXIT.usage;
  }
}

/** What commander says, as one line that says what is allowed. */
function refusal(error: CommanderError, program: Command, argv: readonly string[]): Failure {
  // Any word of the command line may hold a password.
  const said = withoutSecrets(error)
    .message.replace(/^error: /, "")
    .replace(/\.$/, "");
  const names = program.commands.map((command) => command.name());
  const named = argv.find((word) => names.includes(word));
  const allowed =
    error.code === "commander.unknownCommand" || named === undefined
      ? `commands: ${names.join(", ")}`
      : `see lock ${named} --help`;
  return new Failure(`${said} (${allowed})`, EXIT.usage, "LOCK_USAGE");
}

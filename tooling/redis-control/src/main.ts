import { print } from "@lock/demo-kit";
import { type Command, runCommand } from "./command.ts";

const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ["start", async () => (await import("./start.ts")).start],
  ["stop", async () => (await import("./stop.ts")).stop],
  ["restart", async () => (await import("./restart.ts")).restart],
  ["logs", async () => (await import("./logs.ts")).logs],
  ["health", async () => (await import("./health.ts")).health],
]);

// `tsx src/main.ts <command> [...arguments]`, as the scripts of the root package.json call it.
const [name = "", ...argv] = process.argv.slice(2);
const load = COMMANDS.get(name);
// A reader that has had enough, such as `head`, is no failure.
process.stdout.on("error", () => process.exit());
if (load === undefined) {
  print(`usage: pnpm ${[...COMMANDS.keys()].map((each) => `redis:${each}`).join(" | ")} [--help]`);
  process.exitCode = 64;
} else {
  process.exitCode = await runCommand(await load(), argv);
}

import { spawn } from "node:child_process";
import { pathToFileURL } from "node:url";
import { type Demo, discoverDemos } from "./discover.ts";
import { DemoError } from "./errors.ts";
import { Interrupted, runMain } from "./run-demo.ts";
import { colours, print, printProse, quoted } from "./terminal.ts";

/** Builds a demo that is to be run, and what it needs. */
type Build = (demo: Demo, stop: AbortSignal) => Promise<void>;

/** Does what the arguments ask for, as the main function of a process. */
export function launch(directory: string, argv: readonly string[], build: Build): Promise<void> {
  return runMain((stop) => run(directory, argv, build, stop));
}

/**
 * Runs the demo that the arguments name, with the rest of them; without a name the default one, then lists all. `build`
 * comes before a demo, and neither before a list nor before help. Resolves with the exit code.
 */
export async function run(
  directory: string,
  argv: readonly string[],
  build: Build,
  stop: AbortSignal,
): Promise<number> {
  const demos = await discoverDemos(directory);
  // pnpm passes the "--" of `pnpm demo -- shared-file` on.
  const { name, args } = readArguments(argv[0] === "--" ? argv.slice(1) : argv);
  const asksForHelp = args.includes("--help") || args.includes("-h");
  if (name === undefined && (asksForHelp || args.includes("--list"))) return list(demos);
  const demo = name === undefined ? findDefault(demos) : find(demos, name);
  if (asksForHelp) return printHelp(demo);
  await build(demo, stop);
  const exitCode = await start(demo, args, stop);
  if (name === undefined && !stop.aborted) list(demos);
  return exitCode;
}

function readArguments([first, ...rest]: readonly string[]): { name?: string; args: readonly string[] } {
  if (first === undefined) return { args: [] };
  return first.startsWith("-") ? { args: [first, ...rest] } : { name: first, args: rest };
}

/** In this process, and without the packages: both would take seconds. */
async function printHelp({ help }: Demo): Promise<number> {
  const { HELP }: { HELP?: unknown } = await import(pathToFileURL(help).href);
  if (typeof HELP !== "string") throw new DemoError(`${help} must export HELP, a text`);
  printProse(HELP);
  return 0;
}

function find(demos: readonly Demo[], name: string): Demo {
  const demo = demos.find((candidate) => candidate.name === name);
  if (demo !== undefined) return demo;
  throw new DemoError(`there is no demo ${quoted(name)}. The demos are:\n${names(demos)}`);
}

function findDefault(demos: readonly Demo[]): Demo {
  const [demo] = demos;
  if (demo?.isDefault) return demo;
  throw new DemoError(`no demo is the default; name one:\n${names(demos)}`);
}

function names(demos: readonly Demo[]): string {
  const width = Math.max(...demos.map((demo) => demo.name.length));
  return demos
    .map(({ name, title }) => `  pnpm demo ${colours.bold(name.padEnd(width))}  ${title}`)
    .join("\n");
}

/** Returns the exit code. */
function list(demos: readonly Demo[]): number {
  print(
    `\n${colours.bold("All demos")} ${colours.dim("(--help after a name tells its options)")}\n${names(demos)}`,
  );
  return 0;
}

/** Resolves with its exit code. It has a channel to us, so that it notices when we are gone. */
function start(demo: Demo, args: readonly string[], stop: AbortSignal): Promise<number> {
  const child = spawn(process.execPath, [demo.command, ...args], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  const relay = () => void child.kill(stop.reason instanceof Interrupted ? stop.reason.signal : "SIGTERM");
  stop.addEventListener("abort", relay, { once: true });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

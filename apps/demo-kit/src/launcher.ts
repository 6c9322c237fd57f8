import { spawn } from "node:child_process";
import { type Demo, discoverDemos } from "./discover.ts";
import { DemoError } from "./errors.ts";
import { Interrupted, runMain } from "./run-demo.ts";
import { colours, print, quoted } from "./terminal.ts";
import { typescriptArguments } from "./typescript.ts";

/** Runs the demo that the arguments name, with the rest of them; without a name the default one, then lists all. */
export function launch(directory: string, argv: readonly string[]): Promise<void> {
  return runMain(async (stop) => {
    const demos = await discoverDemos(directory);
    // pnpm passes the "--" of `pnpm demo -- shared-file` on.
    const [first, ...rest] = argv[0] === "--" ? argv.slice(1) : argv;
    if (first === "--help" || first === "--list") {
      list(demos);
      return 0;
    }
    if (first !== undefined && !first.startsWith("-")) return start(find(demos, first), rest, stop);
    const exitCode = await start(findDefault(demos), first === undefined ? [] : [first, ...rest], stop);
    if (!stop.aborted) list(demos);
    return exitCode;
  });
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

function list(demos: readonly Demo[]): void {
  print(`\n${colours.bold("All demos")} ${colours.dim("(each takes --help)")}\n${names(demos)}`);
}

/** Resolves with its exit code. It has a channel to us, so that it notices when we are gone. */
function start(demo: Demo, args: readonly string[], stop: AbortSignal): Promise<number> {
  const child = spawn(process.execPath, [...typescriptArguments(), demo.command, ...args], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  const relay = () => void child.kill(stop.reason instanceof Interrupted ? stop.reason.signal : "SIGTERM");
  stop.addEventListener("abort", relay, { once: true });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

import { DemoError } from "./errors.ts";
import { whenParentEnds } from "./parent.ts";
import { colours, print, printError, printProse } from "./terminal.ts";

const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

/** Why `stop` aborted. */
export class Interrupted extends Error {
  constructor(readonly signal: (typeof SIGNALS)[number]) {
    super(`interrupted by ${signal}`);
  }
}

/** Runs a demo with the options that it was called with, or prints its help. */
export function runDemo<Options extends { readonly help: boolean }>(
  readOptions: (argv: readonly string[]) => Options,
  help: string,
  demo: (options: Options, stop: AbortSignal) => Promise<number>,
): Promise<void> {
  return runMain(async (stop) => {
    const options = readOptions(process.argv.slice(2));
    if (!options.help) return demo(options, stop);
    printProse(help);
    return 0;
  });
}

/**
 * Runs a main function, which resolves with its exit code. Ctrl-C, SIGTERM, a reader of the output that
 * has gone, and the end of the parent process abort `stop`; whatever the function then throws, its
 * `await using` has cleaned up.
 */
export async function runMain(main: (stop: AbortSignal) => Promise<number>): Promise<void> {
  const stopping = new AbortController();
  const stopBy = (signal: Interrupted["signal"]) => () => stopping.abort(new Interrupted(signal));
  for (const signal of SIGNALS) process.on(signal, stopBy(signal));
  process.stdout.on("error", stopBy("SIGTERM"));
  whenParentEnds(stopBy("SIGHUP"));
  try {
    process.exitCode = await main(stopping.signal);
  } catch (error) {
    process.exitCode = report(error, stopping.signal);
  }
}

function report(error: unknown, stop: AbortSignal): number {
  if (stop.reason instanceof Interrupted) {
    print(colours.yellow("\nInterrupted: everything that the demo started has been ended."));
    return EXIT_CODES[stop.reason.signal];
  }
  printError(
    error instanceof DemoError ? error.message : String(error instanceof Error ? error.stack : error),
  );
  return 1;
}

import { readFile, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { type Execution, execute } from "./execute.ts";
import type { Build, Suite } from "./suites.ts";

/** What became of one suite. */
export type SuiteOutcome =
  | { readonly status: "passed"; readonly ms: number }
  | (Failure & { readonly status: "failed"; readonly ms: number });

export interface Failure {
  /** The test by its file and title, as far as they are known. */
  readonly test: string;
  readonly isTimedOut: boolean;
  /** What to run to see whether it fails again. */
  readonly again: Suite;
}

const VITEST = "node_modules/vitest/vitest.mjs";
const REPORT = "reports/mutant.json";
const UNTOLD = "(no test was named)";

/** Runs a suite in a copy of the repository, until its first test fails. */
export async function runSuite(root: string, suite: Suite): Promise<SuiteOutcome> {
  const { run, timeout } = suite;
  const start = performance.now();
  const done =
    "command" in run
      ? await execute(run.command[0], run.command.slice(1), { cwd: root, timeout })
      : await runVitest(root, run.tests, timeout);
  const ms = Math.round(performance.now() - start);
  if (done.code === 0 && !done.isTimedOut) return { status: "passed", ms };
  const { isTimedOut } = done;
  if ("command" in run)
    return { status: "failed", ms, test: lastLine(done.output), isTimedOut, again: suite };
  const { test, file } = await failedTest(root, done);
  const again = file === undefined ? suite : { ...suite, run: { tests: [file] } };
  return { status: "failed", ms, test, isTimedOut, again };
}

/** Builds what suites load as built. False where that fails. */
export async function build(root: string, { folder, command }: Build): Promise<boolean> {
  const { code } = await execute(command[0], command.slice(1), { cwd: join(root, folder) });
  return code === 0;
}

async function runVitest(root: string, tests: readonly string[], timeout: number): Promise<Execution> {
  await rm(join(root, REPORT), { force: true });
  const args = [VITEST, "run", "--bail=1", "--reporter=json", `--outputFile=${REPORT}`];
  const env = { ...process.env, LOCK_TEST_FILES: JSON.stringify(tests) };
  return execute(process.execPath, args, { cwd: root, env, timeout });
}

/** What of vitest's report is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
    }[];
  }[];
}

/** The first test that failed, or the file that did. */
async function failedTest(
  root: string,
  { isTimedOut }: Execution,
): Promise<{ readonly test: string; readonly file?: string }> {
  if (isTimedOut) return { test: "(it did not end in time)" };
  const text = await readFile(join(root, REPORT), "utf8").catch(() => undefined);
  if (text === undefined) return { test: UNTOLD };
  const files = (JSON.parse(text) as Report).testResults;
  for (const { name, assertionResults } of files) {
    const failed = assertionResults.find(({ status }) => status === "failed");
    const file = relative(root, name);
    if (failed) return { test: `${shortName(file)}: ${failed.fullName}`, file };
  }
  const whole = files.find(({ status }) => status === "failed");
  if (whole === undefined) return { test: "(an error outside of tests)" };
  const file = relative(root, whole.name);
  return { test: `${shortName(file)} (as a whole)`, file };
}

function shortName(file: string): string {
  return file.replace(/^packages\/core\/test\//, "").replace(/\.test\.ts$/, "");
}

function lastLine(output: string): string {
  return output.trim().split("\n").at(-1) || UNTOLD;
}

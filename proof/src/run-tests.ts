import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { globby } from "globby";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const VITEST = `${ROOT}node_modules/.bin/vitest`;

interface Options {
  /** The name of the report: `reports/<name>.json`. */
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly maxWorkers?: number;
}

/** Runs exactly these test files; resolves with the exit code. */
export async function runTests(
  files: readonly string[],
  { name, env, maxWorkers }: Options,
): Promise<number> {
  const options = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportOf(name)}`];
  if (maxWorkers !== undefined) options.push(`--maxWorkers=${maxWorkers}`);
  const child = spawn(VITEST, ["run", ...options], {
    cwd: ROOT,
    env: { ...process.env, ...env, LOCK_TEST_FILES: JSON.stringify(files) },
    stdio: "inherit",
  });
  const [code] = await once(child, "exit");
  return code ?? 1;
}

export async function readReport(
  name: string,
): Promise<{ numPassedTests: number; numFailedTests: number; startTime: number }> {
  return JSON.parse(await readFile(reportOf(name), "utf8"));
}

/** The test files of these patterns, in the order of their names. */
export async function testsIn(patterns: readonly string[]): Promise<string[]> {
  const files = await globby([...patterns], { cwd: ROOT, gitignore: true, ignore: ["**/node_modules"] });
  return files.filter((file) => file.endsWith(".test.ts")).toSorted();
}

/** The test files that call a function of this name. */
export async function testsThatCall(name: string): Promise<string[]> {
  const tests = await testsIn(["**/*.test.ts"]);
  const texts = await Promise.all(tests.map((file) => readFile(ROOT + file, "utf8")));
  return tests.filter((_, index) => texts[index]?.includes(`${name}(`));
}

function reportOf(name: string): string {
  return `${ROOT}reports/${name}.json`;
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { globby } from "globby";
import { type Command, parseWords, UsageError } from "../command.ts";
import { keepResult } from "../keep-result.ts";

const HELP = `pnpm prove campaigns [PART...] [--list]

Runs the randomised tests of pnpm test, each many times as long: all test files
that call fewOrMany. Takes about 20 minutes.

  PART    only files whose path has one of these parts
  --list  says which files would run, and runs nothing`;

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const REPORT = `${ROOT}reports/campaigns.json`;

export const campaigns: Command = {
  name: "campaigns",
  summary: "runs the randomised tests of pnpm test many times as long",
  run: proveCampaigns,
};

/** @throws UsageError */
async function proveCampaigns(args: readonly string[]): Promise<number> {
  const flags = { list: { type: "boolean" }, help: { type: "boolean" } } as const;
  const { values, positionals } = parseWords(args, flags, HELP);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const files = (await randomised()).filter(
    (file) => positionals.length === 0 || positionals.some((part) => file.includes(part)),
  );
  if (files.length === 0)
    throw new UsageError(`no randomised test has ${positionals.join(" or ")} in its path`);
  if (values.list) {
    console.log(files.join("\n"));
    return 0;
  }
  const code = await runTests(files);
  if (positionals.length === 0) await summarise(files);
  return code;
}

/** Test files that try more often in a campaign. */
async function randomised(): Promise<string[]> {
  const tests = await globby("**/*.test.ts", { cwd: ROOT, gitignore: true, ignore: ["**/node_modules"] });
  const texts = await Promise.all(tests.map((file) => readFile(ROOT + file, "utf8")));
  return tests.filter((_, index) => texts[index]?.includes("fewOrMany(")).toSorted();
}

/** One file after the other: what they measure is how the locks stand load, not how the machine does. */
async function runTests(files: readonly string[]): Promise<number> {
  const options = ["--maxWorkers=1", "--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`];
  const child = spawn(`${ROOT}node_modules/.bin/vitest`, ["run", ...options], {
    cwd: ROOT,
    env: { ...process.env, LOCK_CAMPAIGN: "1", LOCK_TEST_FILES: JSON.stringify(files) },
    stdio: "inherit",
  });
  const [code] = await once(child, "exit");
  return code ?? 1;
}

async function summarise(files: readonly string[]): Promise<void> {
  const { numPassedTests, numFailedTests, startTime } = JSON.parse(await readFile(REPORT, "utf8"));
  const minutes = Math.round((Date.now() - startTime) / 60_000);
  const counts = { passed: numPassedTests, failed: numFailedTests };
  await keepResult("campaigns", { files: files.length, ...counts, minutes });
}

import { GROUPS } from "../../../test/support/groups.ts";
import { type Command, parseWords, UsageError } from "../command.ts";
import { keepResult } from "../keep-result.ts";
import { readReport, runTests, testsIn, testsThatCall } from "../run-tests.ts";

const HELP = `pnpm prove campaigns [PART...] [--short] [--list]

Runs the randomised tests, each many times as long as pnpm test does: all test
files that call fewOrMany, and the other campaigns. Takes about 20 minutes.

  PART     only files whose path has one of these parts
  --short  only what pnpm test leaves out, each a few times: two minutes
  --list   says which files would run, and runs nothing`;

const FLAGS = {
  short: { type: "boolean" },
  list: { type: "boolean" },
  help: { type: "boolean" },
} as const;

export const campaigns: Command = {
  name: "campaigns",
  summary: "runs the randomised tests many times as long as pnpm test does",
  run: proveCampaigns,
};

/** @throws UsageError */
async function proveCampaigns(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseWords(args, FLAGS, HELP);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const leftOut = await testsIn(GROUPS.campaigns);
  const all = values.short ? leftOut : [...new Set([...leftOut, ...(await testsThatCall("fewOrMany"))])];
  const files = all.filter(
    (file) => positionals.length === 0 || positionals.some((part) => file.includes(part)),
  );
  if (files.length === 0) throw new UsageError(`no campaign has ${positionals.join(" or ")} in its path`);
  if (values.list) {
    console.log(files.join("\n"));
    return 0;
  }
  if (values.short) return runTests(files, { name: "campaigns" });
  // One file after the other: what they measure is how the locks stand load, not how the machine does.
  const code = await runTests(files, { name: "campaigns", env: { LOCK_CAMPAIGN: "1" }, maxWorkers: 1 });
  if (positionals.length === 0) await summarise(files);
  return code;
}

async function summarise(files: readonly string[]): Promise<void> {
  const { numPassedTests, numFailedTests, startTime } = await readReport("campaigns");
  const minutes = Math.round((Date.now() - startTime) / 60_000);
  const counts = { passed: numPassedTests, failed: numFailedTests };
  await keepResult("campaigns", { files: files.length, ...counts, minutes });
}

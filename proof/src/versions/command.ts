import { GROUPS } from "../../../test/support/groups.ts";
import { type Command, parseWords } from "../command.ts";
import { runTests, testsIn, testsThatCall } from "../run-tests.ts";

const HELP = `pnpm prove versions [--list]

Runs the tests that pnpm test runs with the newest version of each client and
framework, with the older versions that are supported.

  --list  says which files would run, and runs nothing`;

const FLAGS = { list: { type: "boolean" }, help: { type: "boolean" } } as const;

export const versions: Command = {
  name: "versions",
  summary: "runs the tests of clients and frameworks with their older versions",
  run: proveVersions,
};

/** @throws UsageError */
async function proveVersions(args: readonly string[]): Promise<number> {
  const { values } = parseWords(args, FLAGS, HELP);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const files = [...(await testsIn(GROUPS.versions)), ...(await testsThatCall("newestOrOlder"))];
  if (values.list) {
    console.log(files.join("\n"));
    return 0;
  }
  return runTests(files, { name: "versions", env: { LOCK_TEST_VERSIONS: "older" } });
}

import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { chooseTests, groups, units, usualTests } from "./support/choose-tests.ts";
import { LONGEST } from "./support/longest-first.ts";
import { files, root } from "./support/repository.ts";

const execute = promisify(execFile);
const tests = [...files].filter((path) => path.endsWith(".test.ts"));

/** Runs what `pnpm test` runs, in a folder of the repository. */
async function pnpmTest(folder: string, words: readonly string[]) {
  const { LOCK_TEST_FILES: _, ...environment } = process.env;
  const require = createRequire(import.meta.url);
  return execute(process.execPath, [require.resolve("tsx/cli"), `${root}test/support/run.ts`, ...words], {
    cwd: root + folder,
    env: { ...environment, PATH: `${root}node_modules/.bin:${environment.PATH}` },
  }).then(
    ({ stdout }) => ({ code: 0, lines: stdout.trim().split("\n"), stderr: "" }),
    (error: { code: number; stderr: string }) => ({ code: error.code, lines: [], stderr: error.stderr }),
  );
}

const inCore = tests.filter((path) => path.startsWith("packages/core/"));
const inExpress = tests.filter((path) => path.startsWith("packages/express/"));
const having = (part: string) => (path: string) => path.includes(part);

const grouped = groups.flatMap((group) => group.tests);
const usual = tests.filter((path) => !grouped.includes(path));

it.each([
  { folder: "", words: [], chosen: usual },
  { folder: "packages/core", words: ["lease"], chosen: inCore.filter(having("lease")) },
])("pnpm test $words in the folder '$folder' runs what it names", async ({ folder, words, chosen }) => {
  const { lines } = await pnpmTest(folder, [...words, "--list"]);
  expect(chosen.length).toBeGreaterThan(0);
  expect(lines.toSorted()).toEqual(chosen.toSorted());
});

it.each([
  { folder: "packages/express", words: ["lease-of-core"], says: ["of express", "keys.test.ts"] },
  { folder: "", words: ["--wach"], says: ["--wach", "--watch", "pnpm test [NAME...]"] },
])("pnpm test $words in the folder '$folder' is refused, and says what there is", async (scene) => {
  const { code, stderr } = await pnpmTest(scene.folder, [...scene.words, "--list"]);
  expect(code).toBe(1);
  for (const words of scene.says) expect(stderr).toContain(words);
});

it("each group has tests, none is in two, and each package keeps a third of its own at least", () => {
  for (const { name, tests } of groups) expect(tests, name).not.toEqual([]);
  expect(grouped).toHaveLength(new Set(grouped).size);
  for (const { name, folder, tests } of units) {
    if (!folder.startsWith("packages/")) continue;
    const left = tests.filter((path) => usual.includes(path));
    expect(left.length, name).toBeGreaterThan(tests.length / 3);
  }
});

it("what is said to take long is there", () => {
  expect(LONGEST.filter((path) => !tests.includes(path))).toEqual([]);
});

function groupNamed(word: string): readonly string[] {
  return groups.find(({ name }) => name === word)?.tests ?? [];
}

const unitOf = (folder: string) => units.find((unit) => unit.folder === folder);

it.each([
  { folder: "", words: [], chosen: usualTests() },
  { folder: "", words: ["core"], chosen: inCore },
  { folder: "", words: ["published"], chosen: groupNamed("published") },
  { folder: "", words: ["demos"], chosen: tests.filter((path) => path.startsWith("apps/")) },
  { folder: "", words: ["campaigns", "core"], chosen: [...new Set([...inCore, ...groupNamed("campaigns")])] },
  { folder: "", words: ["campaigns", "histories/"], chosen: tests.filter(having("/histories/")) },
  { folder: "", words: ["core", "express"], chosen: [...inCore, ...inExpress] },
  { folder: "", words: ["core", "lease"], chosen: inCore.filter(having("lease")) },
  { folder: "", words: ["repository"], chosen: tests.filter((path) => path.startsWith("test/")) },
  { folder: "", words: ["safety/lost-conn"], chosen: ["packages/core/test/safety/lost-connections.test.ts"] },
  { folder: "", words: ["packages/core/test/lease.test.ts"], chosen: ["packages/core/test/lease.test.ts"] },
  { folder: "packages/core", words: [], chosen: inCore },
  {
    folder: "packages/express",
    words: ["keys", "lost"],
    chosen: inExpress.filter((path) => /keys|lost/.test(path)),
  },
])("$words in the folder '$folder' mean these tests", ({ folder, words, chosen }) => {
  const choice = chooseTests(words, folder === "" ? undefined : unitOf(folder));
  const meant = choice.kind === "chosen" ? choice.tests : [];
  expect(chosen.length).toBeGreaterThan(0);
  expect(meant.toSorted()).toEqual(chosen.toSorted());
});

it.each([
  { words: ["nothing"], says: ['"nothing" is neither a name nor a part', "core (", "redis-harness ("] },
  { words: ["core", "bullmq", "nothing"], says: ["of bullmq and core", "both-sides.test.ts"] },
])("$words mean no test, and the refusal says what there is", ({ words, says }) => {
  const choice = chooseTests(words);
  const said = choice.kind === "unknown" ? choice.message : "";
  for (const part of says) expect(said).toContain(part);
});

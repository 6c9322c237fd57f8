import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { UsageError } from "../src/command.ts";
import { CLASSES, readMutants } from "../src/mutants/patches.ts";
import { CHECK, makeFixture } from "./support/fixture.ts";

const root = join(import.meta.dirname, "../..");

test("tells what caught a mutant, fails by name for one that survives and for one that does not apply, and leaves the repository as it was", async () => {
  const { prove, results, printed, root: repository } = makeFixture(["caught", "survives", "does-not-apply"]);
  expect(await prove()).toBe(1);
  expect(results().baseline).toMatchObject([{ suite: "check" }]);
  expect(results().mutants.toSorted((a, b) => a.slug.localeCompare(b.slug))).toMatchObject([
    { slug: "caught", outcome: "caught", suite: "check", test: "sums numbers", isTimedOut: false },
    { slug: "does-not-apply", outcome: "does not apply" },
    { slug: "survives", outcome: "survived", suites: ["check"] },
  ]);
  expect(printed()).toMatch(/^caught +check +\d+\.\d s\n {4}sums numbers$/m);
  expect(printed()).toMatch(/^survives +SURVIVED/m);
  expect(printed()).toMatch(/^does-not-apply +DOES NOT APPLY/m);
  expect(readFileSync(join(repository, "packages/sum/sum.js"), "utf8")).toContain(
    "unchecked = (a, b) => a - b",
  );
});

test("does not fail for a survivor that is argued to be equivalent", async () => {
  const { prove, results } = makeFixture(["survives"], "# Equivalent\n\n## survives\n\nNothing calls it.\n");
  expect(await prove()).toBe(0);
  expect(results().mutants).toMatchObject([{ slug: "survives", outcome: "equivalent" }]);
});

test("takes no equivalence without an argument", async () => {
  const { prove } = makeFixture(["survives"], "## survives\n");
  await expect(prove()).rejects.toThrow("survives is called equivalent without an argument");
});

test("fails by name for a mutant that cannot be built, where a suite needs that", async () => {
  const { prove, results } = makeFixture(["broken"]);
  const command = [process.execPath, "--check", "sum.js"] as const;
  const suites = [{ ...CHECK, needsDist: true }];
  expect(await prove([], suites, { folder: "packages/sum", command })).toBe(1);
  expect(results().mutants).toMatchObject([{ slug: "broken", outcome: "does not build" }]);
});

test("ends a suite that hangs, and counts that as caught in time", async () => {
  const { prove, results } = makeFixture(["hangs"]);
  expect(await prove([], [{ ...CHECK, timeout: 2_000 }])).toBe(0);
  expect(results().mutants).toMatchObject([{ outcome: "caught", isTimedOut: true }]);
});

test("asks no suite that loads nothing of what was changed", async () => {
  const { prove, results } = makeFixture(["caught"]);
  const blind = { ...CHECK, name: "blind", blindTo: ["packages/sum/"] };
  expect(await prove([], [blind, CHECK])).toBe(0);
  expect(results().mutants).toMatchObject([{ outcome: "caught", suite: "check" }]);
});

test("counts no failure that does not come again", async () => {
  const { prove, results, printed, root: repository } = makeFixture(["survives"]);
  // Fails at each third run: the baseline, the sentinel, the mutant, and the mutant again.
  const counter = join(repository, "runs");
  const lucky = [
    'import { appendFileSync, readFileSync } from "node:fs";',
    `appendFileSync(${JSON.stringify(counter)}, ".");`,
    `if (readFileSync(${JSON.stringify(counter)}).length === 3) throw new Error("bad luck");`,
    "await import('file://' + process.cwd() + '/packages/shop/check.js');",
  ].join("\n");
  const command = [process.execPath, "--input-type=module", "-e", lucky] as const;
  expect(await prove([], [{ ...CHECK, run: { command } }])).toBe(1);
  expect(results().mutants).toMatchObject([{ outcome: "survived", byChance: [expect.any(String)] }]);
  expect(printed()).toMatch(/^ {4}once: /m);
});

test("says nothing where a suite fails without a mutant", async () => {
  const { prove, printed } = makeFixture(["caught"]);
  const failing = { ...CHECK, run: { command: [process.execPath, "-e", "process.exit(1)"] as const } };
  expect(await prove([], [failing])).toBe(1);
  expect(printed()).toContain("check fails without a mutant");
});

test("says nothing where a suite does not run what was mutated", async () => {
  const { prove, printed, root: repository } = makeFixture(["caught"]);
  const elsewhere = join(repository, "packages/shop/check.js");
  const original = { ...CHECK, run: { command: [process.execPath, elsewhere] as const } };
  expect(await prove([], [original])).toBe(1);
  expect(printed()).toContain("check does not run what was mutated");
});

test("keeps what earlier campaigns found of other mutants", async () => {
  const { prove, results } = makeFixture(["caught", "survives"]);
  expect(await prove(["--only", "survives"])).toBe(1);
  expect(await prove(["--class", "validity"])).toBe(0);
  expect(results().mutants.map(({ slug }) => slug)).toEqual(["caught", "survives"]);
});

test("refuses what is not there, and says what there is", async () => {
  const { prove } = makeFixture(["caught"]);
  for (const [args, message] of [
    [["--only", "nothing"], 'no mutant "nothing"; there are: caught'],
    [["--class", "nothing"], 'no class "nothing"; there are: validity, ownership'],
    [["--suite", "nothing"], 'no suite "nothing"; there are: check'],
    [["--all"], "--only SLUG"],
  ] as const) {
    const refusal = prove(args);
    await expect(refusal).rejects.toThrow(UsageError);
    await expect(refusal).rejects.toThrow(message);
  }
});

test("the mutants of the core: at least eight of each class, each with a whole header and a name of its own", async () => {
  const mutants = await readMutants(join(root, "proof/mutants"));
  for (const group of CLASSES) {
    expect(mutants.filter((mutant) => mutant.class === group).length).toBeGreaterThanOrEqual(8);
  }
  expect(new Set(mutants.map(({ slug }) => slug)).size).toBe(mutants.length);
});

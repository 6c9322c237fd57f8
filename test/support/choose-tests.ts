import { basename } from "node:path";
import { globbySync } from "globby";
import { GROUPS } from "./groups.ts";
import { files, root } from "./repository.ts";

/** Tests that one word means. */
interface Named {
  readonly name: string;
  readonly tests: readonly string[];
}

/** A folder with tests, and the word for it: that of `packages/core` is `core`. */
export interface Unit extends Named {
  readonly folder: string;
}

export type Choice =
  | { readonly kind: "chosen"; readonly tests: readonly string[] }
  | { readonly kind: "unknown"; readonly message: string };

/** The word for the tests in `test/`, which are about all packages. */
const REPOSITORY = "repository";

export const units: readonly Unit[] = readUnits();

/** Tests of several units, which run by their name only. */
export const groups: readonly Named[] = Object.entries(GROUPS).map(([name, patterns]) => ({
  name,
  tests: globbySync([...patterns], { cwd: root, ignore: ["**/node_modules"] })
    .filter(isTest)
    .toSorted(),
}));

const named: readonly Named[] = [...units, ...groups];

/** The tests that run where nobody chooses: all that are in no group. */
export function usualTests(): string[] {
  const leftOut = new Set(groups.flatMap(({ tests }) => tests));
  return units.flatMap(({ tests }) => tests.filter((test) => !leftOut.has(test)));
}

/**
 * The test files that some words mean. Names of units and groups choose their tests; every other word keeps those whose
 * path has it. Within the folder of a unit all words do the latter. Who says no word at all means the usual tests.
 */
export function chooseTests(words: readonly string[], within?: Unit): Choice {
  if (words.length === 0) return { kind: "chosen", tests: within ? within.tests : usualTests() };
  const meant = within ? [within] : named.filter(({ name }) => words.includes(name));
  const parts = within ? words : words.filter((word) => !meant.some(({ name }) => name === word));
  const chosen = meant.length > 0 ? meant : units;
  const tests = [...new Set(chosen.flatMap((one) => one.tests))];
  const unknown = parts.find((part) => !tests.some((test) => test.includes(part)));
  if (unknown !== undefined) return { kind: "unknown", message: refusal(unknown, chosen) };
  const all = parts.length === 0;
  return { kind: "chosen", tests: tests.filter((test) => all || parts.some((part) => test.includes(part))) };
}

function refusal(word: string, chosen: readonly Named[]): string {
  const where = chosen === units ? "" : ` of ${chosen.map(({ name }) => name).join(" and ")}`;
  const there =
    chosen === units
      ? ["These are names:", ...named.map(({ name, tests }) => `  ${name} (${tests.length} test files)`)]
      : ["These are its test files:", ...chosen.flatMap(({ tests }) => tests.map((test) => `  ${test}`))];
  return [
    `"${word}" is neither a name nor a part of the path of a test file${where}.`,
    ...there,
    "Give a name, a part of a test file's path, both, or nothing: then all run that are in no group.",
  ].join("\n");
}

function readUnits(): Unit[] {
  const tests = [...files].filter(isTest);
  const folders = new Set(tests.map((path) => path.slice(0, path.search(/(^|\/)test\//))));
  return [...folders].map((folder) => ({
    name: folder === "" ? REPOSITORY : basename(folder),
    folder,
    tests: tests.filter((path) => path.startsWith(folder === "" ? "test/" : `${folder}/test/`)),
  }));
}

function isTest(path: string): boolean {
  return path.endsWith(".test.ts");
}

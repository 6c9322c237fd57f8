import { basename } from "node:path";
import { files } from "./repository.ts";

/** A folder with tests, and the word for it: that of `packages/core` is `core`. */
export interface Unit {
  readonly name: string;
  readonly folder: string;
  readonly tests: readonly string[];
}

export type Choice =
  | { readonly kind: "chosen"; readonly tests: readonly string[] }
  | { readonly kind: "unknown"; readonly message: string };

/** The word for the tests in `test/`, which are about all packages. */
const REPOSITORY = "repository";

export const units: readonly Unit[] = readUnits();

/**
 * The test files that some words mean. Names of units choose their tests; every other word keeps those whose path has it.
 * Within the folder of a unit all words do the latter.
 */
export function chooseTests(words: readonly string[], within?: Unit): Choice {
  const named = within ? [within] : units.filter(({ name }) => words.includes(name));
  const parts = within ? words : words.filter((word) => !named.some(({ name }) => name === word));
  const chosen = named.length > 0 ? named : units;
  const tests = chosen.flatMap((unit) => unit.tests);
  const unknown = parts.find((part) => !tests.some((test) => test.includes(part)));
  if (unknown !== undefined) return { kind: "unknown", message: refusal(unknown, chosen) };
  const all = parts.length === 0;
  return { kind: "chosen", tests: tests.filter((test) => all || parts.some((part) => test.includes(part))) };
}

function refusal(word: string, chosen: readonly Unit[]): string {
  const where = chosen.length === units.length ? "" : ` of ${chosen.map(({ name }) => name).join(" and ")}`;
  const there =
    chosen.length === units.length
      ? ["These are names:", ...units.map(({ name, tests }) => `  ${name} (${tests.length} test files)`)]
      : ["These are its test files:", ...chosen.flatMap(({ tests }) => tests.map((test) => `  ${test}`))];
  return [
    `"${word}" is neither a name nor a part of the path of a test file${where}.`,
    ...there,
    "Give a name, a part of a test file's path, both, or nothing: then all tests run.",
  ].join("\n");
}

function readUnits(): Unit[] {
  const tests = [...files].filter((path) => path.endsWith(".test.ts"));
  const folders = new Set(tests.map((path) => path.slice(0, path.search(/(^|\/)test\//))));
  return [...folders].map((folder) => ({
    name: folder === "" ? REPOSITORY : basename(folder),
    folder,
    tests: tests.filter((path) => path.startsWith(folder === "" ? "test/" : `${folder}/test/`)),
  }));
}

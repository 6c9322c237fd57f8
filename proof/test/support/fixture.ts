import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { proveMutants } from "../../src/mutants/command.ts";
import type { Results } from "../../src/mutants/report.ts";
import type { Build, Suite } from "../../src/mutants/suites.ts";

/** A repository of two packages: `shop` uses `sum`, as the package manager links them. */
const FILES = {
  ".gitignore": "node_modules\ndist\n",
  "package.json": '{ "type": "module" }\n',
  "packages/sum/package.json": '{ "type": "module", "name": "sum", "exports": "./sum.js" }\n',
  "packages/sum/sum.js": "export const sum = (a, b) => a + b;\n\nexport const unchecked = (a, b) => a - b;\n",
  "packages/shop/package.json": '{ "type": "module", "name": "shop" }\n',
  "packages/shop/check.js":
    'import { sum } from "sum";\n\nif (sum(1, 2) !== 3) {\n  console.log("sums numbers");\n  process.exit(1);\n}\n',
};

const ADD = "export const sum = (a, b) => a + b;";
const SUBTRACT = "export const unchecked = (a, b) => a - b;";

/** Mutants by what becomes of them. */
export const MUTANTS = {
  caught: patch("validity", ADD, "export const sum = (a, b) => a - b;"),
  survives: patch("queue", SUBTRACT, "export const unchecked = (a, b) => a * b;"),
  "does-not-apply": patch("fence", "export const gone = 1;", "export const gone = 2;"),
  hangs: patch(
    "undo",
    ADD,
    "export const sum = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
  ),
  broken: patch("undo", ADD, "export const sum = (;"),
} as const;

type MutantName = keyof typeof MUTANTS;

function patch(group: string, from: string, to: string) {
  const change = [`-${from}`, `+${to}`];
  const hunk = from === SUBTRACT ? ["@@ -2,2 +2,2 @@", " ", ...change] : ["@@ -1,2 +1,2 @@", ...change, " "];
  const header = ["Title: a fault", `Class: ${group}`, "Breaks: a promise", "Noticed: always", ""];
  const names = [
    "diff --git a/packages/sum/sum.js b/packages/sum/sum.js",
    "--- a/packages/sum/sum.js",
    "+++ b/packages/sum/sum.js",
  ];
  return { group, text: [...header, ...names, ...hunk, ""].join("\n") };
}

/** A suite that runs the check of `shop`. */
export const CHECK: Suite = {
  name: "check",
  run: { command: [process.execPath, "packages/shop/check.js"] },
  needsDist: false,
  timeout: 30_000,
  blindTo: [],
};

export interface Fixture {
  readonly root: string;
  /** What the campaign has printed. */
  readonly printed: () => string;
  readonly results: () => Results;
  /** Runs `pnpm prove mutants` in it. */
  prove(args?: readonly string[], suites?: readonly Suite[], build?: Build): Promise<number>;
}

/** Makes the repository, with some of the mutants. */
export function makeFixture(names: readonly MutantName[], equivalent = ""): Fixture {
  const root = mkdtempSync(join(tmpdir(), "lock-fixture-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const [path, text] of Object.entries(FILES)) write(path, text);
  for (const name of names) write(`proof/mutants/${MUTANTS[name].group}/${name}.patch`, MUTANTS[name].text);
  write("proof/mutants/sentinel.patch", patch("undo", ADD, 'throw new Error("mutated");').text);
  write("proof/mutants/equivalent.md", equivalent);
  mkdirSync(join(root, "packages/shop/node_modules"));
  symlinkSync("../../sum", join(root, "packages/shop/node_modules/sum"));
  for (const args of [
    ["init", "-q"],
    ["add", "-A"],
  ])
    execFileSync("git", args, { cwd: root });
  let printed = "";
  const print = (text: string) => {
    printed += text;
  };
  return {
    root,
    printed: () => printed,
    results: () => JSON.parse(readFileSync(join(root, "proof/results/mutants.json"), "utf8")) as Results,
    prove: (args = [], suites = [CHECK], build = undefined) =>
      proveMutants(args, { root, suites, build, print }),
  };
}

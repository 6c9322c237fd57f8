import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Summary } from "@lock/simulation";
import { type Command, readFlags, UsageError } from "../command.ts";
import { keepResult } from "../keep-result.ts";
import { type Copy, copyOf } from "../mutants/copy.ts";
import { endWithProcess, execute } from "../mutants/execute.ts";
import { type Mutant, readMutants } from "../mutants/patches.ts";
import { build } from "../mutants/run-suite.ts";
import { BUILD } from "../mutants/suites.ts";

/** So many histories are played in search of each fault. */
const SEEDS = 5_000;

/** Faults that this project had, and mended. */
const FAULTS = [
  "offer-told-as-grant",
  "dead-where-nobody-listens",
  "quorum-busy-after-clock-step",
  "quorum-ghost-waiter",
  "quorum-lease-erodes",
  "extend-shortens",
  "emptied-node-votes-at-once",
  "forgotten-waiter-keeps-its-place",
  "given-up-stays-in-queue",
  "majority-of-strangers-founds",
  "forced-release-comes-late",
];

const HELP = `pnpm prove history [--only SLUG]

Puts faults back that were mended, one after the other, in a copy of the
repository, and looks for each in ${SEEDS.toLocaleString("en-US")} simulated histories. The exit code is
1 if one is not found. What was found is kept in proof/results/history.json.

  --only SLUG  one of them, or any other mutant of proof/mutants; may be given
               several times. Then nothing is kept`;

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

export const history: Command = {
  name: "history",
  summary: "puts mended faults back, and sees whether the simulation finds them",
  run: proveHistory,
};

type Found = Summary["failed"][number];

/** @throws UsageError */
async function proveHistory(args: readonly string[]): Promise<number> {
  const flags = { only: { type: "string", multiple: true }, help: { type: "boolean" } } as const;
  const { only, help } = readFlags(args, flags, HELP);
  if (help) {
    console.log(HELP);
    return 0;
  }
  const all = await readMutants(join(ROOT, "proof/mutants"));
  const faults = (only ?? FAULTS).map((slug) => named(slug, all));
  const results: object[] = [];
  let missed = 0;
  const untie = endWithProcess();
  try {
    await using copy = await copyOf(ROOT);
    for (const { slug, title, file } of faults) {
      process.stdout.write(`${slug}: `);
      const first = await findIn(copy, file);
      missed += first === undefined ? 1 : 0;
      results.push({ slug, title, seed: first?.seed, promise: first?.first.promise });
      console.log(first === undefined ? "not found" : `seed ${first.seed}, ${first.first.text}`);
    }
  } finally {
    untie();
  }
  if (only === undefined) await keepResult("history", { seeds: SEEDS, faults: results });
  return missed === 0 ? 0 : 1;
}

/** @throws UsageError */
function named(slug: string, all: readonly Mutant[]): Mutant {
  const found = all.find((mutant) => mutant.slug === slug);
  if (found !== undefined) return found;
  throw new UsageError(`no mutant ${JSON.stringify(slug)}; the mutants are the patches in proof/mutants`);
}

/** The first history that shows a fault. */
async function findIn(copy: Copy, patch: string): Promise<Found | undefined> {
  if (!(await copy.apply(patch))) throw new Error(`${patch} does not apply`);
  try {
    if (!(await build(copy.root, BUILD))) throw new Error(`${patch} does not build`);
    const find = ["--import", "tsx", "proof/src/history/find.ts", String(SEEDS)];
    const { code, output } = await execute(process.execPath, find, { cwd: copy.root });
    if (code !== 0) throw new Error(`histories cannot be played with ${patch}: ${output}`);
    return output === "" ? undefined : JSON.parse(output);
  } finally {
    await copy.revert(patch);
  }
}

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, readFlags, UsageError } from "../command.ts";
import { CampaignError, campaign, type Verdict } from "./campaign.ts";
import { readEquivalent } from "./equivalent.ts";
import { endWithProcess, execute } from "./execute.ts";
import { CLASSES, type Mutant, readMutants } from "./patches.ts";
import { ResultsFile, showResults } from "./report.ts";
import { BUILD, type Build, SUITES, type Suite } from "./suites.ts";

const HELP = `pnpm prove mutants [--class CLASS] [--only SLUG] [--suite NAME]

Plants one fault after the other in a copy of the repository, and runs the
suites until one fails. Each option may be given several times.

  --class CLASS  ${CLASSES.join(", ")}
  --only SLUG    a mutant: the name of its patch
  --suite NAME   ${SUITES.slice(0, 5)
    .map(({ name }) => name)
    .join(", ")},
                 ${SUITES.slice(5)
                   .map(({ name }) => name)
                   .join(", ")}`;

const several = { type: "string", multiple: true } as const;
const FLAGS = { class: several, only: several, suite: several, help: { type: "boolean" } } as const;

/** Where a campaign takes place, and with what. */
export interface Place {
  readonly root: string;
  readonly suites: readonly Suite[];
  readonly build: Build | undefined;
  readonly print: (text: string) => void;
}

const here: Place = {
  root: fileURLToPath(new URL("../../../", import.meta.url)),
  suites: SUITES,
  build: BUILD,
  print: (text) => process.stdout.write(text),
};

export const mutants: Command = {
  name: "mutants",
  summary: "plants faults in the core, and sees whether the tests find them",
  run: (args) => proveMutants(args, here),
};

/** @throws UsageError */
export async function proveMutants(args: readonly string[], place: Place): Promise<number> {
  const values = readFlags(args, FLAGS, HELP);
  if (values.help) {
    place.print(`${HELP}\n`);
    return 0;
  }
  const folder = join(place.root, "proof/mutants");
  const all = await readMutants(folder);
  const chosen = choose(all, values);
  const suites = pick(place.suites, values.suite, ({ name }) => name, "suite");
  const commit = await commitOf(place.root);
  const slugs = all.map(({ slug }) => slug);
  const results = await ResultsFile.open(join(place.root, "proof/results/mutants.json"), slugs);
  const verdicts: Verdict[] = [];
  const untie = endWithProcess();
  try {
    await campaign({
      root: place.root,
      mutants: chosen,
      suites,
      build: place.build,
      sentinel: join(folder, "sentinel.patch"),
      equivalent: await readEquivalent(join(folder, "equivalent.md")),
      say: place.print,
      noteBaseline: (baseline) => results.noteBaseline(baseline),
      note: async (verdict) => {
        verdicts.push(verdict);
        await results.note({ ...verdict, commit });
      },
    });
  } catch (error) {
    if (!(error instanceof CampaignError)) throw error;
    place.print(`${error.message}\n`);
    return 1;
  } finally {
    untie();
  }
  place.print(`\n${showResults(verdicts)}\n`);
  return verdicts.every(({ outcome }) => outcome === "caught" || outcome === "equivalent") ? 0 : 1;
}

function choose(
  all: readonly Mutant[],
  { class: groups, only }: { readonly class?: string[]; readonly only?: string[] },
): readonly Mutant[] {
  pick(CLASSES, groups, (group) => group, "class");
  const of = all.filter((mutant) => groups === undefined || groups.includes(mutant.class));
  return pick(of, only, ({ slug }) => slug, "mutant");
}

/** Those of the names; all without names. @throws UsageError where there is none of a name */
function pick<T>(
  all: readonly T[],
  names: readonly string[] | undefined,
  nameOf: (one: T) => string,
  what: string,
) {
  if (names === undefined) return all;
  const unknown = names.find((name) => !all.some((one) => nameOf(one) === name));
  if (unknown !== undefined) {
    throw new UsageError(`no ${what} ${JSON.stringify(unknown)}; there are: ${all.map(nameOf).join(", ")}`);
  }
  return all.filter((one) => names.includes(nameOf(one)));
}

async function commitOf(root: string): Promise<string> {
  const { code, output } = await execute("git", ["rev-parse", "--short", "HEAD"], { cwd: root });
  return code === 0 ? output.trim() : "none";
}

import { type Copy, copyOf } from "./copy.ts";
import type { Mutant } from "./patches.ts";
import { build, runSuite } from "./run-suite.ts";
import type { Build, Suite } from "./suites.ts";

/** What a campaign is about. */
export interface CampaignOptions {
  readonly root: string;
  readonly mutants: readonly Mutant[];
  readonly suites: readonly Suite[];
  readonly build: Build | undefined;
  /** A patch after which every suite must fail: so it is known that they run what was mutated. */
  readonly sentinel: string;
  readonly equivalent: ReadonlyMap<string, string>;
  /** Tells how far it is, a piece of text after the other. */
  readonly say: (text: string) => void;
  readonly noteBaseline: (baseline: readonly Baseline[]) => Promise<void>;
  /** Is told each verdict as soon as it is known. */
  readonly note: (verdict: Verdict) => Promise<void>;
}

/** What the suites say of one mutant. */
type Findings = {
  /** Milliseconds, from the first suite on. */
  readonly ms: number;
} & (
  | {
      readonly outcome: "caught";
      readonly suite: string;
      readonly test: string;
      readonly isTimedOut: boolean;
    }
  | {
      readonly outcome: "survived" | "equivalent";
      readonly suites: readonly string[];
      /** Tests that failed once, and passed when they were asked again. */
      readonly byChance: readonly string[];
    }
  | { readonly outcome: "does not apply" | "does not build" }
);

export type Verdict = Pick<Mutant, "slug" | "class" | "title"> & Findings;

/** How long a suite takes where nothing is wrong. */
export interface Baseline {
  readonly suite: string;
  readonly ms: number;
  /** A test that failed the first time: its verdicts are to be looked at. */
  readonly failedOnce?: string | undefined;
}

/** Why a campaign can say nothing. */
export class CampaignError extends Error {}

/**
 * Plants one mutant after the other in a copy of the repository, and runs the suites until one fails.
 * @throws CampaignError where a suite fails without a mutant, or does not run what was mutated
 */
export async function campaign(options: CampaignOptions): Promise<void> {
  await using copy = await copyOf(options.root);
  await options.noteBaseline(await measureBaseline(copy, options));
  await checkSentinel(copy, options);
  for (const [index, mutant] of options.mutants.entries()) {
    options.say(`[${index + 1}/${options.mutants.length}] ${mutant.class}/${mutant.slug}`);
    const verdict = await judge(copy, mutant, options);
    options.say(`: ${verdict.outcome}, ${seconds(verdict.ms)}\n`);
    await options.note(verdict);
  }
}

async function measureBaseline(copy: Copy, options: CampaignOptions): Promise<readonly Baseline[]> {
  if (!(await buildFor(copy, options.suites, options)))
    throw new CampaignError("the repository cannot be built");
  const baseline: Baseline[] = [];
  for (const suite of options.suites) baseline.push(await measure(copy, suite, options));
  return baseline;
}

/** A suite that fails is asked once more: the machine may be busy. That it did is told, since it may do so again. */
async function measure(copy: Copy, suite: Suite, { say }: CampaignOptions): Promise<Baseline> {
  let failedOnce: string | undefined;
  for (;;) {
    say(`without a mutant: ${suite.name}`);
    const outcome = await runSuite(copy.root, suite);
    say(` ${outcome.status}, ${seconds(outcome.ms)}\n`);
    if (outcome.status === "passed") return { suite: suite.name, ms: outcome.ms, failedOnce };
    if (failedOnce !== undefined)
      throw new CampaignError(`${suite.name} fails without a mutant: ${outcome.test}`);
    failedOnce = outcome.test;
    say(`  ${failedOnce}\n`);
  }
}

async function checkSentinel(copy: Copy, options: CampaignOptions): Promise<void> {
  const { sentinel, suites, say } = options;
  if (!(await copy.apply(sentinel))) throw new CampaignError(`${sentinel} does not apply`);
  if (!(await buildFor(copy, suites, options))) throw new CampaignError(`${sentinel} does not build`);
  for (const suite of suites) {
    say(`with a fault that none can miss: ${suite.name}`);
    const { status, ms } = await runSuite(copy.root, suite);
    say(` ${status}, ${seconds(ms)}\n`);
    if (status === "passed") throw new CampaignError(`${suite.name} does not run what was mutated`);
  }
  await copy.revert(sentinel);
}

async function judge(copy: Copy, mutant: Mutant, options: CampaignOptions): Promise<Verdict> {
  const { slug, class: group, title } = mutant;
  const subject = { slug, class: group, title };
  if (!(await copy.apply(mutant.file))) return { ...subject, ms: 0, outcome: "does not apply" };
  try {
    return { ...subject, ...(await findOut(copy, mutant, options)) };
  } finally {
    await copy.revert(mutant.file);
  }
}

async function findOut(copy: Copy, mutant: Mutant, options: CampaignOptions): Promise<Findings> {
  const suites = options.suites.filter((suite) => sees(suite, mutant));
  const start = performance.now();
  const spent = () => Math.round(performance.now() - start);
  const byChance: string[] = [];
  let isBuilt = false;
  for (const suite of suites) {
    if (suite.needsDist && !isBuilt) {
      isBuilt = await buildFor(copy, [suite], options);
      if (!isBuilt) return { outcome: "does not build", ms: spent() };
    }
    options.say(` ${suite.name}`);
    const outcome = await runSuite(copy.root, suite);
    if (outcome.status === "passed") continue;
    const { test, isTimedOut, again } = outcome;
    // A test that fails now and then without a mutant catches nothing.
    const isSure = (await runSuite(copy.root, again)).status === "failed";
    if (isSure) return { outcome: "caught", suite: suite.name, test, isTimedOut, ms: spent() };
    options.say(" (once)");
    byChance.push(test);
  }
  const outcome = options.equivalent.has(mutant.slug) ? "equivalent" : "survived";
  return { outcome, suites: suites.map(({ name }) => name), byChance, ms: spent() };
}

function sees({ blindTo }: Suite, { changes }: Mutant): boolean {
  return changes.some((path) => !blindTo.some((folder) => path.startsWith(folder)));
}

async function buildFor(copy: Copy, suites: readonly Suite[], options: CampaignOptions): Promise<boolean> {
  const isNeeded = options.build !== undefined && suites.some(({ needsDist }) => needsDist);
  return !isNeeded || options.build === undefined || build(copy.root, options.build);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

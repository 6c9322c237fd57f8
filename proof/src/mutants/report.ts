import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Baseline, Verdict } from "./campaign.ts";
import { CLASSES } from "./patches.ts";

const VERSION = 1;
const WIDTH = 80;

/** A verdict, and of which commit it is. */
export type Result = Verdict & { readonly commit: string };

/** What is known of all mutants, also from earlier campaigns about others. */
export interface Results {
  readonly version: typeof VERSION;
  readonly node: string;
  /** How long each suite took without a mutant, in the last campaign with it. */
  readonly baseline: readonly Baseline[];
  readonly mutants: readonly Result[];
}

/** The file of results, with what earlier campaigns found. */
export class ResultsFile {
  readonly #baseline = new Map<string, Baseline>();
  readonly #results = new Map<string, Result>();

  private constructor(
    private readonly path: string,
    /** Of all mutants, in their order: verdicts of others are dropped. */
    private readonly slugs: readonly string[],
  ) {}

  static async open(path: string, slugs: readonly string[]): Promise<ResultsFile> {
    const file = new ResultsFile(path, slugs);
    const text = await readFile(path, "utf8").catch(() => undefined);
    const earlier = text === undefined ? undefined : (JSON.parse(text) as Results);
    if (earlier?.version !== VERSION) return file;
    for (const each of earlier.baseline) file.#baseline.set(each.suite, each);
    for (const each of earlier.mutants) file.#results.set(each.slug, each);
    return file;
  }

  /** Notes how long suites take. */
  async noteBaseline(baseline: readonly Baseline[]): Promise<void> {
    for (const each of baseline) this.#baseline.set(each.suite, each);
    await this.#save();
  }

  /** Notes a verdict, in the place of an earlier one. */
  async note(result: Result): Promise<void> {
    this.#results.set(result.slug, result);
    await this.#save();
  }

  async #save(): Promise<void> {
    const mutants = this.slugs.flatMap((slug) => this.#results.get(slug) ?? []);
    const baseline = [...this.#baseline.values()];
    const text: Results = { version: VERSION, node: process.version, baseline, mutants };
    await mkdir(dirname(this.path), { recursive: true });
    await writeFile(this.path, `${JSON.stringify(text, null, 2)}\n`);
  }
}

/** What was found, mutant by mutant and class by class, in lines that fit a terminal. */
export function showResults(verdicts: readonly Verdict[]): string {
  const lines = verdicts.flatMap((verdict) => [firstLine(verdict), ...details(verdict)]);
  return [...lines, "", ...summary(verdicts)].join("\n");
}

function firstLine(verdict: Verdict): string {
  const { slug, ms } = verdict;
  const what = verdict.outcome === "caught" ? verdict.suite : verdict.outcome.toUpperCase();
  return fit(`${slug.padEnd(46)} ${what.padEnd(15)} ${`${(ms / 1_000).toFixed(1)} s`.padStart(9)}`);
}

function details(verdict: Verdict): string[] {
  if (verdict.outcome === "caught") return [fit(`    ${verdict.test}`)];
  return "byChance" in verdict ? verdict.byChance.map((test) => fit(`    once: ${test}`)) : [];
}

function fit(line: string): string {
  const text = line.replaceAll("\n", " ").trimEnd();
  return text.length > WIDTH ? `${text.slice(0, WIDTH - 1)}…` : text;
}

function summary(verdicts: readonly Verdict[]): string[] {
  const groups = CLASSES.map(
    (group) => [group, verdicts.filter((verdict) => verdict.class === group)] as const,
  );
  const rows = [...groups.filter(([, of]) => of.length > 0), ["all", verdicts] as const];
  const head = `${"class".padEnd(12)} ${"mutants".padStart(8)} ${"caught".padStart(8)} ${"survived".padStart(9)}`;
  return [head, ...rows.map(([group, of]) => row(group, of))];
}

function row(group: string, verdicts: readonly Verdict[]): string {
  const count = (outcome: Verdict["outcome"]) =>
    verdicts.filter((verdict) => verdict.outcome === outcome).length;
  const unusable = count("does not apply") + count("does not build");
  const rest = [
    count("equivalent") > 0 ? `, ${count("equivalent")} equivalent` : "",
    unusable > 0 ? `, ${unusable} unusable` : "",
  ].join("");
  const numbers = [String(verdicts.length).padStart(8), String(count("caught")).padStart(8)];
  return `${group.padEnd(12)} ${numbers.join(" ")} ${String(count("survived")).padStart(9)}${rest}`;
}

import { describe, expect, it } from "vitest";
import { type Outcome, type SimulationOptions, simulate } from "./simulate.ts";

/** How many histories; more for a long look: `SEEDS=10000`. One of them again: `SEED=1234`. */
const SEEDS = Number(process.env.SEEDS ?? 2_000);
const ONLY = process.env.SEED;

async function run(count: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let seed = 1; seed <= count; seed++) outcomes.push(await simulate(seed));
  return outcomes;
}

/** What is wrong with the first history in which something is. */
async function firstWrong(most: number, options: SimulationOptions): Promise<readonly string[]> {
  for (let seed = 1; seed <= most; seed++) {
    const { violations } = await simulate(seed, options);
    if (violations.length > 0) return violations;
  }
  return [];
}

const wrong = (outcomes: readonly Outcome[]): string[] =>
  outcomes.flatMap(({ seed, violations }) => violations.map((violation) => `SEED=${seed}: ${violation}`));

describe("a quorum in simulated histories", () => {
  it("never has two holders, and its tokens grow", { timeout: 900_000 }, async () => {
    const outcomes = ONLY === undefined ? await run(SEEDS) : [await simulate(Number(ONLY))];
    expect(wrong(outcomes)).toEqual([]);
    const grants = outcomes.reduce((sum, outcome) => sum + outcome.grants, 0);
    expect(grants).toBeGreaterThan(outcomes.length * 5);
  });

  it("has the same history for the same seed", async () => {
    const histories = [await simulate(7), await simulate(7)];
    expect(histories[0]).toEqual(histories[1]);
  });

  it("has two holders when a node that lost its data votes", { timeout: 900_000 }, async () => {
    expect(await firstWrong(2_000, { amnesiacsVote: true })).not.toEqual([]);
  });

  it("has two holders when clocks run apart by more than they may", { timeout: 900_000 }, async () => {
    expect(await firstWrong(2_000, { drift: 0.3 })).not.toEqual([]);
  });
});

import type { Label } from "../contestants/contestant.ts";
import { median } from "../stats.ts";
import { inRounds, type Runner } from "./rounds.ts";
import { type Bench, type Entry, measuredOf } from "./workload.ts";

export interface Distinct {
  readonly pairsPerSecond: number;
  /** Pairs per second of each round. */
  readonly rounds: readonly number[];
  /** The median over the rounds of its rate by that of the plain commands on the same client. NaN without those. */
  readonly toPlain: number;
}

const ROUNDS = { full: 5, quick: 3 };
const PAIRS = { full: 40_000, quick: 10_000 };
const AT_ONCE = 100;
const DEADLINE = 60_000;

/** 100 pairs of acquire and release under way at any time, each on a key of its own. */
export async function measureDistinct(bench: Bench, runners: readonly Runner[]): Promise<Entry<Distinct>[]> {
  const size = bench.quick ? "quick" : "full";
  const pairs = PAIRS[size];
  const entries = await inRounds(bench, runners, ROUNDS[size], async (worker, keys) => {
    const { elapsed } = await worker.ask("burst", { keys, pairs, atOnce: AT_ONCE }, DEADLINE);
    return (pairs / elapsed) * 1_000;
  });
  return entries.map((entry) => {
    if (!("measured" in entry)) return entry;
    const { label, measured: rounds } = entry;
    const plain = plainRounds(entries, label);
    const ratios = rounds.map((rate, round) => rate / (plain[round] ?? Number.NaN));
    return { label, measured: { pairsPerSecond: median(rounds), rounds, toPlain: median(ratios) } };
  });
}

function plainRounds(entries: readonly Entry<readonly number[]>[], { client }: Label): readonly number[] {
  const plain = measuredOf(entries).find(({ label }) => label.family === "plain" && label.client === client);
  return plain?.measured ?? [];
}

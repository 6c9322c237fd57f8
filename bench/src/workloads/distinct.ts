import type { Label } from "../contestants/contestant.ts";
import { median } from "../stats.ts";
import { inRounds, type Runner } from "./rounds.ts";
import { type Bench, type Entry, measuredOf } from "./workload.ts";

export interface Distinct {
  readonly pairsPerSecond: number;
  /** Pairs per second of each round. */
  readonly rounds: readonly number[];
  /** Microseconds of the client's processor time per pair, the median over the rounds. */
  readonly clientCpu: number;
  /** The median over the rounds of that by what the plain commands took on the same client. */
  readonly cpuToPlain: number;
  /** The median over the rounds of its rate by that of the plain commands on the same client. NaN without those. */
  readonly toPlain: number;
}

const ROUNDS = { full: 5, quick: 3 };
const PAIRS = { full: 40_000, quick: 10_000 };
const AT_ONCE = 100;
const DEADLINE = 60_000;

interface Round {
  readonly rate: number;
  readonly cpu: number;
}

/** Where there are no plain commands to compare with. */
const NOTHING: Round = { rate: Number.NaN, cpu: Number.NaN };

/** 100 pairs of acquire and release under way at any time, each on a key of its own. */
export async function measureDistinct(bench: Bench, runners: readonly Runner[]): Promise<Entry<Distinct>[]> {
  const size = bench.quick ? "quick" : "full";
  const pairs = PAIRS[size];
  const entries = await inRounds(bench, runners, ROUNDS[size], async (worker, keys) => {
    const { elapsed, cpu } = await worker.ask("burst", { keys, pairs, atOnce: AT_ONCE }, DEADLINE);
    return { rate: (pairs / elapsed) * 1_000, cpu: cpu / pairs };
  });
  return entries.map((entry) => {
    if (!("measured" in entry)) return entry;
    const { label, measured: rounds } = entry;
    const plain = plainRounds(entries, label);
    const toPlain = (of: (round: Round) => number) =>
      median(rounds.map((round, index) => of(round) / of(plain[index] ?? NOTHING)));
    const measured = {
      pairsPerSecond: median(rounds.map(({ rate }) => rate)),
      rounds: rounds.map(({ rate }) => rate),
      toPlain: toPlain(({ rate }) => rate),
      clientCpu: median(rounds.map(({ cpu }) => cpu)),
      cpuToPlain: toPlain(({ cpu }) => cpu),
    };
    return { label, measured };
  });
}

function plainRounds(entries: readonly Entry<readonly Round[]>[], { client }: Label): readonly Round[] {
  const plain = measuredOf(entries).find(({ label }) => label.family === "plain" && label.client === client);
  return plain?.measured ?? [];
}

import { median, quantile } from "../stats.ts";
import type { Outcome } from "../worker/jobs.ts";
import { inRounds, type Runner } from "./rounds.ts";
import type { Bench, Entry } from "./workload.ts";

export interface Sequential {
  /** Microseconds per pair: the median over the rounds of their medians, which disturbed rounds do not move. */
  readonly p50: number;
  /** Microseconds per pair, over all pairs. */
  readonly p99: number;
  readonly pairsPerSecond: number;
  readonly rounds: readonly { readonly p50: number; readonly pairsPerSecond: number }[];
}

/** Many short rounds: a disturbance spoils few of them. */
const ROUNDS = 20;
const PAIRS = { full: 5_000, quick: 1_000 };
/** Enough for the compiler to be done. */
const WARM_UP = { full: 3_000, quick: 1_500 };
const DEADLINE = 60_000;

/** One client, one pair of acquire and release after the other, each on a key of its own. */
export async function measureSequential(
  bench: Bench,
  runners: readonly Runner[],
): Promise<Entry<Sequential>[]> {
  const size = bench.quick ? "quick" : "full";
  const perRound = PAIRS[size] / ROUNDS;
  const entries = await inRounds(bench, runners, ROUNDS, (worker, keys, warmsUp) =>
    worker.ask("sequential", { keys, pairs: warmsUp ? WARM_UP[size] : perRound }, DEADLINE),
  );
  return entries.map((entry) =>
    "measured" in entry ? { label: entry.label, measured: summarize(entry.measured) } : entry,
  );
}

function summarize(outcomes: readonly Outcome<"sequential">[]): Sequential {
  const rounds = outcomes.map(({ durations, elapsed }) => ({
    p50: median(durations) * 1_000,
    pairsPerSecond: (durations.length / elapsed) * 1_000,
  }));
  return {
    p50: median(rounds.map(({ p50 }) => p50)),
    p99:
      quantile(
        outcomes.flatMap(({ durations }) => durations),
        0.99,
      ) * 1_000,
    pairsPerSecond: median(rounds.map(({ pairsPerSecond }) => pairsPerSecond)),
    rounds,
  };
}

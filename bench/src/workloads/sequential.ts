import { monitored, type Seen, timedOnServer } from "../server/command-counter.ts";
import { median, quantile } from "../stats.ts";
import type { Outcome } from "../worker/jobs.ts";
import type { Worker } from "../worker/worker.ts";
import { inRounds, type Runner } from "./rounds.ts";
import type { Bench, Entry } from "./workload.ts";

export interface Sequential {
  /** Microseconds per pair: the median over the rounds of their medians, which disturbed rounds do not move. */
  readonly p50: number;
  /** Microseconds per pair, over all pairs. */
  readonly p99: number;
  readonly pairsPerSecond: number;
  /** Microseconds of the client's processor time per pair, the median over the rounds. */
  readonly clientCpu: number;
  /** Microseconds that the server spent on the commands of a pair, the median over the rounds. */
  readonly serverTime: number;
  readonly rounds: readonly { readonly p50: number; readonly pairsPerSecond: number }[];
}

/** Many short rounds: a disturbance spoils few of them. */
const ROUNDS = 20;
const PAIRS = { full: 5_000, quick: 1_000 };
/** Enough for the compiler to be done. */
const WARM_UP = { full: 3_000, quick: 1_500 };
/** Watched to learn which commands clients send: MONITOR slows the server. */
const WATCHED = 20;
const DEADLINE = 60_000;

type Round = Outcome<"sequential"> & { readonly micros: number };

/** One client, one pair of acquire and release after the other, each on a key of its own. */
export async function measureSequential(
  bench: Bench,
  runners: readonly Runner[],
): Promise<Entry<Sequential>[]> {
  const size = bench.quick ? "quick" : "full";
  const perRound = PAIRS[size] / ROUNDS;
  const roles = new Map<Worker, Seen>();
  const entries = await inRounds(bench, runners, ROUNDS, async (worker, keys, warmsUp): Promise<Round> => {
    const ask = (pairs: number) => worker.ask("sequential", { keys, pairs }, DEADLINE);
    if (warmsUp) {
      const outcome = await ask(WARM_UP[size]);
      roles.set(worker, await monitored(bench.control, () => ask(WATCHED)));
      return { ...outcome, micros: 0 };
    }
    const seen = roles.get(worker) ?? { byClients: new Map(), byScripts: new Map() };
    const { outcome, micros } = await timedOnServer(bench.control, seen, () => ask(perRound));
    return { ...outcome, micros };
  });
  return entries.map((entry) =>
    "measured" in entry ? { label: entry.label, measured: summarize(entry.measured) } : entry,
  );
}

function summarize(outcomes: readonly Round[]): Sequential {
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
    clientCpu: median(outcomes.map(({ cpu, durations }) => cpu / durations.length)),
    serverTime: median(outcomes.map(({ micros, durations }) => micros / durations.length)),
    pairsPerSecond: median(rounds.map(({ pairsPerSecond }) => pairsPerSecond)),
    rounds,
  };
}

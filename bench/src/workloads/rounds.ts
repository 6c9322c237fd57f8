import { type Contestant, idOf, type Label } from "../contestants/contestant.ts";
import { Worker } from "../worker/worker.ts";
import { type Bench, type Entry, entryOf } from "./workload.ts";

/** One contestant with its worker, or with the reason why it is out. */
export interface Runner {
  readonly label: Label;
  readonly worker: Worker | undefined;
  failure: string | undefined;
}

/** Worker processes that are started at once: more only wait for each other. */
const START_AT_ONCE = 4;

/** One worker for each contestant, for as long as the work takes. */
export async function withRunners<T>(
  bench: Bench,
  contestants: readonly Contestant[],
  work: (runners: readonly Runner[]) => Promise<T>,
): Promise<T> {
  const runners: Runner[] = [];
  try {
    for (let from = 0; from < contestants.length; from += START_AT_ONCE) {
      const some = contestants.slice(from, from + START_AT_ONCE);
      runners.push(...(await Promise.all(some.map((contestant) => enlist(bench, contestant)))));
    }
    return await work(runners);
  } finally {
    await Promise.all(runners.map(({ worker }) => worker?.stop()));
  }
}

/**
 * Measures all contestants in turn (A B C A B C ...), so that whatever slows the machine down for a while slows
 * all of them down. Every round starts with an empty Redis. Round 0 is the warm-up.
 */
export async function inRounds<Round>(
  bench: Bench,
  runners: readonly Runner[],
  rounds: number,
  measure: (worker: Worker, keys: string, warmsUp: boolean) => Promise<Round>,
): Promise<Entry<readonly Round[]>[]> {
  const measured = new Map<Runner, Round[]>(runners.map((runner) => [runner, []]));
  for (let round = 0; round <= rounds; round++) {
    const warmsUp = round === 0;
    if (round % 5 === 0 || rounds <= 5) bench.say(warmsUp ? "  warm-up" : `  round ${round} of ${rounds}`);
    for (const [runner, results] of measured) {
      const result = await runRound(bench, runner, (worker) =>
        measure(worker, `${idOf(runner.label)}:${round}`, warmsUp),
      );
      if (result !== undefined && !warmsUp) results.push(result);
    }
  }
  return [...measured].map(([{ label, failure }, results]) =>
    failure === undefined ? { label, measured: results } : { label, failure },
  );
}

async function enlist(bench: Bench, contestant: Contestant): Promise<Runner> {
  const entry = await entryOf(bench, contestant, () => Worker.start(contestant, bench.url));
  const { label } = entry;
  if ("failure" in entry) return { label, worker: undefined, failure: entry.failure };
  return { label, worker: entry.measured, failure: undefined };
}

/** Undefined: it failed, now or before. */
async function runRound<Round>(
  bench: Bench,
  runner: Runner,
  measure: (worker: Worker) => Promise<Round>,
): Promise<Round | undefined> {
  const { label, worker, failure } = runner;
  if (failure !== undefined || worker === undefined) return undefined;
  await bench.control.flushall("SYNC");
  const entry = await entryOf(bench, label, () => measure(worker));
  if ("measured" in entry) return entry.measured;
  runner.failure = entry.failure;
  return undefined;
}

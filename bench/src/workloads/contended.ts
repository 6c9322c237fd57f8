import { type Contestant, idOf } from "../contestants/contestant.ts";
import { type Counted, counted, monitored } from "../server/command-counter.ts";
import { largest, median, quantile, sum } from "../stats.ts";
import type { Outcome } from "../worker/jobs.ts";
import type { Worker } from "../worker/worker.ts";
import { type Bench, type Entry, entryOf, withWorkers } from "./workload.ts";

export interface Contended {
  readonly acquisitionsPerSecond: number;
  /** Share of the time, 0 to 1, during which somebody did with the key what it was acquired for. */
  readonly efficiency: number;
  /** Milliseconds, as measured: timers are late. */
  readonly meanHold: number;
  /** Milliseconds from the end of one hold to the start of the next. */
  readonly meanGap: number;
  readonly commandsPerAcquisition: number;
  readonly scriptCallsPerAcquisition: number;
  readonly ambiguousCommands: readonly string[];
  /** Milliseconds. */
  readonly wait: { readonly median: number; readonly p99: number; readonly max: number };
}

/** By how long the key is held, in milliseconds. */
export type ByHold = { readonly [Hold in (typeof HOLDS)[number]]: Contended };

export const HOLDS = [0, 1] as const;
const PROCESSES = 4;
const WAITERS = 25;
const TIME = { full: 5_000, quick: 600 };
const WARM_UP = { full: 500, quick: 100 };
/** On top of the measured time: those that still wait at its end must have their turn. */
const GRACE = 20_000;

/** 4 processes with 25 waiters each want one key, over and over. */
export async function measureContended(
  bench: Bench,
  contestants: readonly Contestant[],
): Promise<Entry<ByHold>[]> {
  const entries: Entry<ByHold>[] = [];
  for (const contestant of contestants) {
    bench.say(`  ${idOf(contestant)}`);
    await bench.control.flushall("SYNC");
    const entry = await entryOf(bench, contestant, () =>
      withWorkers(bench, contestant, PROCESSES, async (workers) => ({
        0: await measureHold(bench, workers, 0),
        1: await measureHold(bench, workers, 1),
      })),
    );
    entries.push(entry);
  }
  return entries;
}

async function measureHold(bench: Bench, workers: readonly Worker[], hold: number): Promise<Contended> {
  const size = bench.quick ? "quick" : "full";
  const run = (key: string, time: number) =>
    Promise.all(
      workers.map((worker) => worker.ask("contend", { key, waiters: WAITERS, hold, time }, time + GRACE)),
    );
  const roles = await monitored(bench.control, () => run(`warm-up:${hold}`, WARM_UP[size]));
  let outcomes: Outcome<"contend">[] = [];
  const commands = await counted(bench.control, roles, async () => {
    outcomes = await run(`contended:${hold}`, TIME[size]);
  });
  return summarize(outcomes, commands, TIME[size]);
}

function summarize(
  outcomes: readonly Outcome<"contend">[],
  { byClients, byScripts, ambiguous }: Counted,
  time: number,
): Contended {
  const waits = outcomes.flatMap((outcome) => outcome.waits);
  const within = sum(outcomes.map((outcome) => outcome.within));
  const held = sum(outcomes.map((outcome) => outcome.heldWithin));
  return {
    acquisitionsPerSecond: (within / time) * 1_000,
    efficiency: held / time,
    meanHold: held / within,
    meanGap: (time - held) / within,
    commandsPerAcquisition: byClients / waits.length,
    scriptCallsPerAcquisition: byScripts / waits.length,
    ambiguousCommands: ambiguous,
    wait: { median: median(waits), p99: quantile(waits, 0.99), max: largest(waits) },
  };
}

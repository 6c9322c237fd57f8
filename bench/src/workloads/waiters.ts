import { type Contestant, idOf } from "../contestants/contestant.ts";
import { monitored, totalOf } from "../server/command-counter.ts";
import { type Bench, type Entry, entryOf, withWorkers } from "./workload.ts";

export interface Waiters {
  /** Of holder and waiters, from the holder's acquire until the last waiter's release. */
  readonly commands: number;
  readonly scriptCalls: number;
  /** Milliseconds from the holder's release until all waiters have had their turn. */
  readonly drained: number;
  readonly byCommand: Readonly<Record<string, number>>;
}

export const HOLD = 2_000;
export const WAITERS = 20;
const DEADLINE = HOLD + 20_000;

/** 20 waiters for 2 s behind one holder: what waiting costs the server. Few commands, so MONITOR counts them all. */
export async function measureWaiters(
  bench: Bench,
  contestants: readonly Contestant[],
): Promise<Entry<Waiters>[]> {
  const entries: Entry<Waiters>[] = [];
  for (const contestant of contestants) {
    bench.say(`  ${idOf(contestant)}`);
    await bench.control.flushall("SYNC");
    const entry = await entryOf(bench, contestant, () =>
      withWorkers(bench, contestant, 1, async ([worker]) => {
        if (worker === undefined) throw new Error("there is no worker");
        // Scripts are loaded and, by contestants that have one, a first connection of the second client is made.
        await worker.ask("sequential", { keys: "warm-up", pairs: 10 }, DEADLINE);
        let drained = Number.NaN;
        const seen = await monitored(bench.control, async () => {
          const request = { key: "waiters", waiters: WAITERS, hold: HOLD };
          ({ drained } = await worker.ask("behind", request, DEADLINE));
        });
        return {
          commands: totalOf(seen.byClients),
          scriptCalls: totalOf(seen.byScripts),
          drained,
          byCommand: Object.fromEntries(seen.byClients),
        };
      }),
    );
    entries.push(entry);
  }
  return entries;
}

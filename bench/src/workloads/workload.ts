import type { Redis } from "ioredis5";
import { idOf, type Label } from "../contestants/contestant.ts";
import { Worker } from "../worker/worker.ts";

/** What every workload runs on. */
export interface Bench {
  readonly url: string;
  /** A connection that belongs to no contestant. */
  readonly control: Redis;
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

/** What was measured of one contestant, or why nothing was. */
export type Entry<Measured> =
  | { readonly label: Label; readonly measured: Measured }
  | { readonly label: Label; readonly failure: string };

/** Runs the work; whatever goes wrong is the contestant's failure and nobody else's. */
export async function entryOf<Measured>(
  bench: Bench,
  label: Label,
  work: () => Promise<Measured>,
): Promise<Entry<Measured>> {
  const { name, family, client, settings } = label;
  const plainLabel = { name, family, client, settings };
  try {
    return { label: plainLabel, measured: await work() };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    bench.say(`  ${idOf(label)} failed: ${failure}`);
    return { label: plainLabel, failure };
  }
}

/** Those that were measured. */
export function measuredOf<Measured>(entries: readonly Entry<Measured>[]) {
  return entries.flatMap((entry) => ("measured" in entry ? [entry] : []));
}

/** Workers for as long as the work takes. */
export async function withWorkers<T>(
  bench: Bench,
  label: Label,
  count: number,
  work: (workers: readonly Worker[]) => Promise<T>,
): Promise<T> {
  const starting = await Promise.allSettled(
    Array.from({ length: count }, () => Worker.start(label, bench.url)),
  );
  const workers = starting.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  try {
    for (const start of starting) if (start.status === "rejected") throw start.reason;
    return await work(workers);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

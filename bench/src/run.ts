import { besideContestants } from "./contestants/beside.ts";
import { contending, contendingQuick, uncontended } from "./contestants/index.ts";
import type { Options } from "./options.ts";
import type { Results } from "./results.ts";
import { measureContended } from "./workloads/contended.ts";
import { measureDistinct } from "./workloads/distinct.ts";
import { withRunners } from "./workloads/rounds.ts";
import { measureSequential } from "./workloads/sequential.ts";
import { measureWaiters } from "./workloads/waiters.ts";
import type { Bench } from "./workloads/workload.ts";

/** Runs the chosen workloads, one after the other. */
export async function runAll(bench: Bench, options: Options): Promise<Results> {
  return { ...(await runUncontended(bench, options)), ...(await runContending(bench, options)) };
}

/** Both workloads share their workers: starting one for each contestant takes a while. */
async function runUncontended(bench: Bench, { only, rivals }: Options): Promise<Results> {
  if (!only.includes("sequential") && !only.includes("distinct")) return {};
  const all = [...uncontended, ...(await besideContestants())];
  const contestants = all.filter(({ family }) => rivals || family !== "rival");
  bench.say("starting one process per contestant");
  return withRunners(bench, contestants, async (runners) => {
    let results: Results = {};
    if (only.includes("sequential")) {
      bench.say("distinct keys, one after the other");
      results = { ...results, sequential: await measureSequential(bench, runners) };
    }
    if (only.includes("distinct")) {
      bench.say("distinct keys, 100 at once");
      results = { ...results, distinct: await measureDistinct(bench, runners) };
    }
    return results;
  });
}

async function runContending(bench: Bench, { only, rivals, quick }: Options): Promise<Results> {
  const all = quick ? contendingQuick : contending;
  const contestants = all.filter(({ family }) => rivals || family !== "rival");
  let results: Results = {};
  if (only.includes("contended")) {
    bench.say("one key contended");
    results = { ...results, contended: await measureContended(bench, contestants) };
  }
  if (only.includes("waiters")) {
    bench.say("waiters behind one holder");
    results = { ...results, waiters: await measureWaiters(bench, contestants) };
  }
  return results;
}

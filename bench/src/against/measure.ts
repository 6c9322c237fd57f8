import type { ClientName, Label } from "../contestants/contestant.ts";
import { sum } from "../stats.ts";
import { Worker } from "../worker/worker.ts";
import type { Bench } from "../workloads/workload.ts";
import { type BuildFolder, thisBuild } from "./builds.ts";

const CLIENTS: readonly ClientName[] = ["ioredis 6", "node-redis 6"];
/** How many pairs are under way at once. */
const LOADS = [1, 100];
/**
 * New processes in each round, so many of each build: two processes with the same code differ by 5 % and more for as
 * long as they live, by what the compiler made of it and where it lies in memory.
 */
const PROCESSES = 2;
/** Short slices that take turns: what slows the machine down for a while reaches both builds alike. */
const SLICES = 6;
const SLICE_MS = 70;
/** Enough for the compiler to be done. */
const WARM_UP_MS = { 1: 500, 100: 2_000 };
const DEADLINE = 60_000;

/** One way of use: on which client, and how many pairs are under way at once. */
interface Use {
  readonly client: ClientName;
  readonly atOnce: number;
}

/** The cost of one pair of acquire and release in one round: microseconds of processor time of the client's process. */
export interface Round {
  readonly mine: number;
  readonly theirs: number;
}

export interface Comparison extends Use {
  readonly rounds: readonly Round[];
}

/** The build of this checkout and the other one, each in a process of its own. */
interface Duel {
  readonly mine: Worker;
  readonly theirs: Worker;
}

type Side = keyof Duel;

/** Measures the build of this checkout and another one, in turns. */
export async function measureAgainst(
  bench: Bench,
  other: BuildFolder,
  rounds: number,
): Promise<readonly Comparison[]> {
  const measured = CLIENTS.flatMap((client) =>
    LOADS.map((atOnce) => ({ client, atOnce, rounds: [] as Round[] })),
  );
  for (let round = 0; round < rounds; round++) {
    bench.say(`round ${round + 1} of ${rounds}`);
    for (const client of CLIENTS) {
      await withDuels(bench, client, other, async (duels) => {
        for (const use of measured.filter((each) => each.client === client)) {
          use.rounds.push(await measureRound(bench, duels, use.atOnce, round));
        }
      });
    }
  }
  return measured;
}

async function measureRound(
  bench: Bench,
  duels: readonly Duel[],
  atOnce: number,
  round: number,
): Promise<Round> {
  const spent = { mine: [], theirs: [] } as Record<Side, { pairs: number; cpu: number }[]>;
  await bench.control.flushall("SYNC");
  for (let slice = 0; slice < SLICES; slice++) {
    for (const [at, duel] of duels.entries()) {
      for (const side of orderOf(round + slice)) {
        const keys = `${side}:${at}:${atOnce}:${slice}`;
        spent[side].push(await duel[side].ask("cost", { keys, atOnce, time: SLICE_MS }, DEADLINE));
      }
    }
  }
  const cost = (side: Side) =>
    sum(spent[side].map(({ cpu }) => cpu)) / sum(spent[side].map(({ pairs }) => pairs));
  return { mine: cost("mine"), theirs: cost("theirs") };
}

/** Swapped each time: who comes second may profit from what the first one left warm. */
function orderOf(turn: number): readonly Side[] {
  return turn % 2 === 0 ? ["mine", "theirs"] : ["theirs", "mine"];
}

/** Processes that are warm, for as long as the work takes. */
async function withDuels(
  { url }: Bench,
  client: ClientName,
  other: BuildFolder,
  work: (duels: readonly Duel[]) => Promise<void>,
): Promise<void> {
  const label: Label = { name: "@lock/core", family: "ours", client, settings: "" };
  const workers: Worker[] = [];
  const start = async (build: BuildFolder) => {
    const worker = await Worker.start(label, url, build);
    workers.push(worker);
    return worker;
  };
  try {
    const duels: Duel[] = [];
    for (let count = 0; count < PROCESSES; count++) {
      const [mine, theirs] = await Promise.all([start(thisBuild), start(other)]);
      await Promise.all([mine, theirs].map(warmUp));
      duels.push({ mine, theirs });
    }
    await work(duels);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

async function warmUp(worker: Worker): Promise<void> {
  for (const [atOnce, time] of Object.entries(WARM_UP_MS)) {
    await worker.ask("cost", { keys: `warm-up:${atOnce}`, atOnce: Number(atOnce), time }, DEADLINE);
  }
}

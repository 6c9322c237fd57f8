import type { ClientName, Label } from "../contestants/contestant.ts";
import { sum } from "../stats.ts";
import { Worker } from "../worker/worker.ts";
import type { Bench } from "../workloads/workload.ts";
import type { MeasuredBuild } from "./builds.ts";

const CLIENTS: readonly ClientName[] = ["ioredis 6", "node-redis 6"];
/** How many pairs are under way at once. */
const LOADS = [1, 100];
/** Short slices that take turns: what slows the machine down for a while reaches both builds alike. */
const SLICES = 8;
const SLICE_MS = 50;
/** Enough for the compiler to be done, by how many pairs are under way at once. */
const WARM_UP_MS = { 1: 300, 100: 1_000 };
const WARM_UPS = 2;
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

type Side = keyof Round;

/**
 * One process that has both builds: two processes with the same code would differ by 5 % and more for as long as they
 * live, by what the compiler made of it and where it lies in memory.
 */
interface Duel {
  readonly worker: Worker;
  readonly builds: readonly [Side, Side];
}

/** What was loaded first is a few percent slower than the other, so a round has both orders. */
const ORDERS: readonly Duel["builds"][] = [
  ["mine", "theirs"],
  ["theirs", "mine"],
];

/** Measures two builds in turns. */
export async function measureAgainst(
  bench: Bench,
  builds: Readonly<Record<Side, MeasuredBuild>>,
  rounds: number,
): Promise<readonly Comparison[]> {
  const measured = CLIENTS.flatMap((client) =>
    LOADS.map((atOnce) => ({ client, atOnce, rounds: [] as Round[] })),
  );
  for (let round = 0; round < rounds; round++) {
    bench.say(`round ${round + 1} of ${rounds}`);
    for (const client of CLIENTS) {
      await withDuels(bench, client, builds, async (duels) => {
        for (const use of measured.filter((each) => each.client === client)) {
          use.rounds.push(await measureRound(bench, duels, use.atOnce));
        }
      });
    }
  }
  return measured;
}

async function measureRound(bench: Bench, duels: readonly Duel[], atOnce: number): Promise<Round> {
  const spent = { mine: [], theirs: [] } as Record<Side, { pairs: number; cpu: number }[]>;
  await bench.control.flushall("SYNC");
  for (let slice = 0; slice < SLICES; slice++) {
    for (const { worker, builds } of duels) {
      // Swapped each time: who comes second may profit from what the first one left warm.
      for (const side of slice % 2 === 0 ? builds : builds.toReversed()) {
        const request = { build: builds.indexOf(side), keys: `${builds[0]}:${slice}:${side}`, atOnce };
        spent[side].push(await worker.ask("cost", { ...request, time: SLICE_MS }, DEADLINE));
      }
    }
  }
  const cost = (side: Side) =>
    sum(spent[side].map(({ cpu }) => cpu)) / sum(spent[side].map(({ pairs }) => pairs));
  return { mine: cost("mine"), theirs: cost("theirs") };
}

/** Processes that are warm, for as long as the work takes; new ones each round, since luck is part of each. */
async function withDuels(
  { url }: Bench,
  client: ClientName,
  measured: Readonly<Record<Side, MeasuredBuild>>,
  work: (duels: readonly Duel[]) => Promise<void>,
): Promise<void> {
  const label: Label = { name: "@lock/core", family: "ours", client, settings: "" };
  const duels: Duel[] = [];
  try {
    await Promise.all(
      ORDERS.map(async (builds) => {
        const worker = await Worker.start(
          label,
          url,
          builds.map((side) => measured[side]),
        );
        duels.push({ worker, builds });
        await warmUp(worker);
      }),
    );
    await work(duels);
  } finally {
    await Promise.all(duels.map(({ worker }) => worker.stop()));
  }
}

async function warmUp(worker: Worker): Promise<void> {
  for (let turn = 0; turn < WARM_UPS; turn++) {
    for (const [atOnce, time] of Object.entries(WARM_UP_MS)) {
      for (const build of [0, 1]) {
        const keys = `warm-up:${turn}:${build}`;
        await worker.ask("cost", { build, keys, atOnce: Number(atOnce), time }, DEADLINE);
      }
    }
  }
}

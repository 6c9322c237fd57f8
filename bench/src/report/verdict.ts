import { idOf, type Label } from "../contestants/contestant.ts";
import type { Results } from "../results.ts";
import type { Distinct } from "../workloads/distinct.ts";
import type { Sequential } from "../workloads/sequential.ts";
import { type Entry, measuredOf } from "../workloads/workload.ts";
import { against, best, ours, type Verdict } from "./compare.ts";
import { number, percent } from "./table.ts";

const BARS = {
  distinctToPlain: { ioredis: 0.95, "node-redis": 0.5 },
  sequentialToPlain: 1.3,
  sequentialToByHand: 1.2,
  serverTimeToByHand: 1.3,
  cpuToPlain: { ioredis: 0.75, "node-redis": 2 },
  rateToBeside: 0.8,
  efficiency: 0.95,
  commandsPerAcquisition: 3.2,
  longestWaitToMedian: 1.3,
  toBestRivalAtOnce: 1.4,
  waitersCommands: 80,
};

/** Every bar by the numbers of this run. A contestant of ours that failed fails its bars. */
export function judge(results: Results): Verdict[] {
  return [
    ...judgeSequential(results),
    ...judgeDistinct(results),
    ...judgeContended(results),
    ...judgeWaiters(results),
  ];
}

function judgeSequential({ sequential: entries = [] }: Results): Verdict[] {
  return ours(entries, "sequential", (label, measured) => {
    const { p50 } = measured;
    const plain = measuredOf(entries).find(
      (other) => other.label.family === "plain" && other.label.client === label.client,
    );
    const ratio = p50 / (plain?.measured.p50 ?? Number.NaN);
    const bar = `p50 <= ${BARS.sequentialToPlain} x plain`;
    const toRival = (rival: Sequential) => ({
      measured: `${number(p50)} against ${number(rival.p50)} µs`,
      passed: p50 < rival.p50,
    });
    return [
      { bar, measured: `${number(ratio, 2)} x (${number(p50)} µs)`, passed: ratio <= BARS.sequentialToPlain },
      ...judgeByHand(label, measured, entries),
      ...scopes(label).flatMap(({ library, among }) =>
        against(
          best(entries, (rival) => -rival.p50, library),
          `p50 below every rival${among}`,
          toRival,
        ),
      ),
    ];
  });
}

function judgeByHand(
  { client }: Label,
  { p50, serverTime }: Sequential,
  entries: readonly Entry<Sequential>[],
): Verdict[] {
  const byHand = measuredOf(entries).find(
    ({ label }) => label.family === "by hand" && label.client === client,
  )?.measured;
  if (byHand === undefined) return [];
  const { sequentialToByHand, serverTimeToByHand } = BARS;
  return [
    atMost("p50 by a lock fenced by hand", p50 / byHand.p50, sequentialToByHand),
    atMost("server time by a lock fenced by hand", serverTime / byHand.serverTime, serverTimeToByHand),
  ];
}

function judgeCpu(label: Label, measured: Distinct, entries: readonly Entry<Distinct>[]): Verdict[] {
  const library = libraryOf(label);
  const beside = measuredOf(entries).filter(
    (other) => other.label.family === "beside" && libraryOf(other.label) === library,
  );
  return [
    atMost("client CPU by plain", measured.cpuToPlain, BARS.cpuToPlain[library]),
    ...against(
      best(entries, (rival) => -rival.clientCpu, library),
      `client CPU below every rival on ${library}`,
      (rival) => ({
        measured: `${number(measured.clientCpu, 1)} against ${number(rival.clientCpu, 1)} µs`,
        passed: measured.clientCpu < rival.clientCpu,
      }),
    ),
    ...beside.map((other) => {
      const ratio = measured.pairsPerSecond / other.measured.pairsPerSecond;
      return atLeast(`pairs/s by ${idOf(other.label)}`, ratio, BARS.rateToBeside, (value) =>
        number(value, 2),
      );
    }),
  ];
}

function judgeDistinct({ distinct: entries = [] }: Results): Verdict[] {
  return ours(entries, "100 at once", (label, measured) => {
    const { toPlain, pairsPerSecond } = measured;
    const least = BARS.distinctToPlain[libraryOf(label)];
    const toRival = (rival: Distinct) => ({
      measured: `${number(pairsPerSecond)} against ${number(rival.pairsPerSecond)} pairs/s`,
      passed: pairsPerSecond > rival.pairsPerSecond,
    });
    return [
      { bar: `>= ${least} x plain`, measured: `${number(toPlain, 2)} x`, passed: toPlain >= least },
      ...judgeCpu(label, measured, entries),
      ...scopes(label).flatMap(({ library, among }) =>
        against(
          best(entries, (rival) => rival.pairsPerSecond, library),
          `above every rival${among}`,
          toRival,
        ),
      ),
    ];
  });
}

function libraryOf({ client }: Label): "ioredis" | "node-redis" {
  return client.startsWith("ioredis") ? "ioredis" : "node-redis";
}

/** All rivals, and those on the same client library: most of the cost of an uncontended lock is the client's. */
function scopes(label: Label) {
  const library = libraryOf(label);
  return [
    { library: "", among: "" },
    { library, among: ` on ${library}` },
  ];
}

function judgeContended({ contended: entries = [] }: Results): Verdict[] {
  const busiest = best(entries, (by) => by[0].acquisitionsPerSecond);
  return ours(entries, "contended", (_label, { 0: atOnce, 1: held }) => {
    const { efficiency, commandsPerAcquisition: commands, wait } = held;
    const longest = wait.max / wait.median;
    return [
      atLeast("held 1 ms: efficiency", efficiency, BARS.efficiency, percent),
      atMost("held 1 ms: client commands per acquisition", commands, BARS.commandsPerAcquisition),
      atMost("held 1 ms: longest wait by median wait", longest, BARS.longestWaitToMedian),
      ...against(busiest, `held 0: >= ${BARS.toBestRivalAtOnce} x best rival`, (rival) => {
        const ratio = atOnce.acquisitionsPerSecond / rival[0].acquisitionsPerSecond;
        const rates = [atOnce, rival[0]].map(({ acquisitionsPerSecond }) => number(acquisitionsPerSecond));
        return {
          measured: `${number(ratio, 2)} x (${rates.join(" against ")}/s)`,
          passed: ratio >= BARS.toBestRivalAtOnce,
        };
      }),
    ];
  });
}

function judgeWaiters({ waiters: entries = [] }: Results): Verdict[] {
  return ours(entries, "waiters", (_label, { commands }) => [
    atMost("client commands", commands, BARS.waitersCommands, number),
  ]);
}

function atMost(
  what: string,
  value: number,
  bar: number,
  show = (shown: number) => number(shown, 2),
): Verdict {
  return { bar: `${what} <= ${show(bar)}`, measured: show(value), passed: value <= bar };
}

function atLeast(what: string, value: number, bar: number, show: (shown: number) => string): Verdict {
  return { bar: `${what} >= ${show(bar)}`, measured: show(value), passed: value >= bar };
}

export function showVerdicts(verdicts: readonly Verdict[]): string {
  const width = Math.max(0, ...verdicts.map(({ bar }) => bar.length));
  const lines = verdicts.map(
    ({ bar, measured, passed }) => `  ${passed ? "pass" : "FAIL"}  ${bar.padEnd(width)}  ${measured}`,
  );
  const failed = verdicts.filter(({ passed }) => !passed).length;
  return ["Verdict", ...lines, `  ${verdicts.length - failed} of ${verdicts.length} bars met`].join("\n");
}

import type { Label } from "../contestants/contestant.ts";
import type { Results } from "../results.ts";
import type { Distinct } from "../workloads/distinct.ts";
import type { Sequential } from "../workloads/sequential.ts";
import { measuredOf } from "../workloads/workload.ts";
import { against, best, ours, type Verdict } from "./compare.ts";
import { number, percent } from "./table.ts";

const BARS = {
  distinctToPlain: { ioredis: 0.95, "node-redis": 0.5 },
  sequentialToPlain: 1.3,
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
  return ours(entries, "sequential", (label, { p50 }) => {
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

function judgeDistinct({ distinct: entries = [] }: Results): Verdict[] {
  return ours(entries, "100 at once", (label, { toPlain, pairsPerSecond }) => {
    const least = BARS.distinctToPlain[libraryOf(label)];
    const toRival = (rival: Distinct) => ({
      measured: `${number(pairsPerSecond)} against ${number(rival.pairsPerSecond)} pairs/s`,
      passed: pairsPerSecond > rival.pairsPerSecond,
    });
    return [
      { bar: `>= ${least} x plain`, measured: `${number(toPlain, 2)} x`, passed: toPlain >= least },
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

import { TTL } from "../contestants/contestant.ts";
import type { Results } from "../results.ts";
import { HOLDS } from "../workloads/contended.ts";
import { measuredOf } from "../workloads/workload.ts";
import { number, percent, settingsOf, table } from "./table.ts";

const COUNTING =
  "client commands: commands that clients sent; calls in scripts: what scripts ran inside. INFO commandstats counts\n" +
  "  both alike; MONITOR during the warm-up tells which command belongs to which side.";

/** All tables of a run, as text. */
export function showTables(results: Results): string {
  const parts = [
    sequential(results),
    distinct(results),
    ...contended(results),
    waiters(results),
    notes(results),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function sequential({ sequential: entries }: Results): string {
  if (entries === undefined) return "";
  return `Distinct keys, one after the other (pairs of acquire and release)\n${table(entries, [
    ["p50 µs", ({ p50 }) => number(p50)],
    ["p99 µs", ({ p99 }) => number(p99)],
    ["pairs/s", ({ pairsPerSecond }) => number(pairsPerSecond)],
    ["client CPU µs", ({ clientCpu }) => number(clientCpu, 1)],
    ["server µs", ({ serverTime }) => number(serverTime, 1)],
  ])}`;
}

function distinct({ distinct: entries }: Results): string {
  if (entries === undefined) return "";
  return `Distinct keys, 100 at once (medians over interleaved rounds)\n${table(entries, [
    ["pairs/s", ({ pairsPerSecond }) => number(pairsPerSecond)],
    ["x plain on same client", ({ toPlain }) => number(toPlain, 2)],
    ["client CPU µs", ({ clientCpu }) => number(clientCpu, 1)],
    ["x plain", ({ cpuToPlain }) => number(cpuToPlain, 2)],
    [
      "slowest..fastest round",
      ({ rounds }) => `${number(Math.min(...rounds))}..${number(Math.max(...rounds))}`,
    ],
  ])}`;
}

function contended({ contended: entries }: Results): string[] {
  if (entries === undefined) return [];
  const tables = HOLDS.map(
    (hold) =>
      `One key, 4 processes x 25 waiters, held ${hold} ms\n${table(entries, [
        ["acquisitions/s", (by) => number(by[hold].acquisitionsPerSecond)],
        ["efficiency", (by) => percent(by[hold].efficiency)],
        ["mean hold ms", (by) => number(by[hold].meanHold, 3)],
        ["gap ms", (by) => number(by[hold].meanGap, 3)],
        ["client commands", (by) => number(by[hold].commandsPerAcquisition, 2)],
        ["calls in scripts", (by) => number(by[hold].scriptCallsPerAcquisition, 2)],
        ["wait ms: median", (by) => number(by[hold].wait.median, 1)],
        ["p99", (by) => number(by[hold].wait.p99, 1)],
        ["max", (by) => number(by[hold].wait.max, 1)],
      ])}`,
  );
  const mixed = new Set(
    measuredOf(entries).flatMap(({ measured }) => HOLDS.flatMap((hold) => measured[hold].ambiguousCommands)),
  );
  const doubt =
    mixed.size === 0 ? "" : `\n  Counted as the clients', but used by scripts too: ${[...mixed].join(", ")}`;
  const explained = `  per acquisition; efficiency: share of the time that the key was usefully held; gap: mean time\n  from one hold to the next.\n  ${COUNTING}${doubt}`;
  return [...tables, explained];
}

function waiters({ waiters: entries }: Results): string {
  if (entries === undefined) return "";
  return `20 waiters for 2 s behind one holder (commands in all, counted by MONITOR)\n${table(entries, [
    ["client commands", ({ commands }) => number(commands)],
    ["calls in scripts", ({ scriptCalls }) => number(scriptCalls)],
    ["all served after ms", ({ drained }) => number(drained, 1)],
    [
      "",
      ({ byCommand }) =>
        Object.entries(byCommand)
          .map(([name, times]) => `${name} ${times}`)
          .join(", "),
    ],
  ])}`;
}

function notes({
  sequential: a = [],
  distinct: b = [],
  contended: c = [],
  waiters: d = [],
}: Results): string {
  const settings = settingsOf([...a, ...b, ...c, ...d]);
  return `Settings: ttl ${TTL} ms and unlimited waiting for all\n${settings}`;
}

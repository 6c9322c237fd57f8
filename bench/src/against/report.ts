import type { Verdict } from "../report/compare.ts";
import { number } from "../report/table.ts";
import { median, quantile } from "../stats.ts";
import type { Comparison } from "./measure.ts";

/** How much a pair may take: so many times the processor time of the other build, and so many microseconds more. */
export interface Allowance {
  readonly times: number;
  readonly micros: number;
}

/** A later build without instrumentation. */
export const REBUILT: Allowance = { times: 1.02, micros: 0 };
/** With `@lock/otel`, where no provider is registered. */
export const INSTRUMENTED: Allowance = { times: 1.1, micros: 2 };
/** Of the normal distribution, for 95 %. */
const Z = 1.96;
const HEAD = ["", "", "this", "other", "ratio", "95 % interval", "least..most"];

/** What each build takes, and the ratio, round by round. */
export function showComparisons(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ client, atOnce, rounds }) => {
    const ratios = rounds.map(ratioOf);
    return [
      client,
      atOnce === 1 ? "one after the other" : `${atOnce} at once`,
      number(median(rounds.map(({ mine }) => mine)), 1),
      number(median(rounds.map(({ theirs }) => theirs)), 1),
      number(median(ratios), 3),
      span(ratios, shareBelow(ratios.length)),
      span(ratios, 0),
    ];
  });
  const widths = HEAD.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const lines = [HEAD, ...rows].map((cells) =>
    cells
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  "),
  );
  return ["Client CPU of a free key, µs per pair of acquire and release (medians)", ...lines].join("\n  ");
}

export function judgeComparisons(
  comparisons: readonly Comparison[],
  { times, micros }: Allowance,
): Verdict[] {
  return comparisons.map(({ client, atOnce, rounds }) => {
    const above = median(rounds.map((round) => (round.mine - micros) / round.theirs));
    const more = micros === 0 ? "" : ` + ${micros} µs`;
    const bar = `${client}, ${atOnce} at once: client CPU per pair <= ${number(times, 2)} x${more}`;
    return { bar, measured: `${number(above, 3)} x${more}`, passed: above <= times };
  });
}

function ratioOf({ mine, theirs }: Comparison["rounds"][number]): number {
  return mine / theirs;
}

/** The share of the values on either side of the interval in which the true median lies (the sign test's). */
function shareBelow(count: number): number {
  return Math.max(0, 0.5 - Z / (2 * Math.sqrt(count)));
}

function span(values: readonly number[], shareOutside: number): string {
  return [shareOutside, 1 - shareOutside].map((share) => number(quantile(values, share), 3)).join("..");
}

import type { Death, Hold } from "./history.ts";
import { nameOf } from "./messages.ts";

export interface Expected {
  /** How many pieces of work each node was to do to their end. */
  readonly done: ReadonlyMap<number, number>;
  /** The models that had to be used. */
  readonly models: readonly number[];
  /** Milliseconds. */
  readonly ttl: number;
}

export interface Verdict {
  /** What is wrong, in words; empty when nothing is. */
  readonly damage: readonly string[];
  /** Who had the killed node's model next, and how long after the kill; undefined when nobody had. */
  readonly comeback: { readonly node: number; readonly after: number } | undefined;
}

/** What a machine that is busy with something else may add to the ttl. */
export const TOLERANCE_MS = 1_500;

/** Judges what happened by nothing but what the nodes told, and when one was killed. */
export function judge(holds: readonly Hold[], death: Death | undefined, expected: Expected): Verdict {
  const bySlot = inOrder(holds);
  const comeback = death === undefined ? undefined : findComeback(bySlot.get(death.slot) ?? [], death);
  const checks = [
    ...[...bySlot.values()].flatMap((ofSlot) => [...overlaps(ofSlot), shrinking(ofSlot)]),
    ...undone(holds, expected),
    unused(bySlot, expected),
    lateness(death, comeback, expected),
  ];
  return { damage: checks.filter((found) => found !== undefined), comeback };
}

/** The holds of each model in the order in which they began. */
function inOrder(holds: readonly Hold[]): Map<number, Hold[]> {
  const bySlot = new Map<number, Hold[]>();
  for (const hold of holds.toSorted((a, b) => a.from - b.from)) {
    bySlot.set(hold.slot, [...(bySlot.get(hold.slot) ?? []), hold]);
  }
  return bySlot;
}

function overlaps(ofSlot: readonly Hold[]): string[] {
  const problems: string[] = [];
  let longest: Hold | undefined;
  for (const hold of ofSlot) {
    if (longest !== undefined && hold.from < longest.until) {
      const both = `${nameOf(longest.node)} and ${nameOf(hold.node)}`;
      const time = Math.min(longest.until, hold.until) - hold.from;
      problems.push(`model ${hold.slot} was held by ${both} at once, ${duration(time)}`);
    }
    if (longest === undefined || hold.until > longest.until) longest = hold;
  }
  return problems;
}

function duration(time: number): string {
  return Number.isFinite(time) ? `for ${time.toFixed(3)} ms` : "without an end";
}

function shrinking(ofSlot: readonly Hold[]): string | undefined {
  const wrong = ofSlot.slice(1).filter((hold, index) => hold.fence <= (ofSlot[index]?.fence ?? 0)).length;
  const [first] = ofSlot;
  return wrong === 0 || first === undefined
    ? undefined
    : `the fencing token of model ${first.slot} did not grow ${wrong === 1 ? "once" : `${wrong} times`}`;
}

function undone(holds: readonly Hold[], { done }: Expected): string[] {
  return [...done].flatMap(([node, expected]) => {
    const actual = holds.filter((hold) => hold.node === node && hold.outcome === "done").length;
    return actual === expected ? [] : [`${nameOf(node)} did ${actual} pieces of work instead of ${expected}`];
  });
}

function unused(bySlot: ReadonlyMap<number, unknown>, { models }: Expected): string | undefined {
  const missing = models.filter((model) => !bySlot.has(model));
  return missing.length === 0 ? undefined : `never used: model ${missing.join(", ")}`;
}

function findComeback(ofSlot: readonly Hold[], death: Death): Verdict["comeback"] {
  const next = ofSlot.find((hold) => hold.from > death.at);
  return next && { node: next.node, after: next.from - death.at };
}

function lateness(
  death: Death | undefined,
  comeback: Verdict["comeback"],
  { ttl }: Expected,
): string | undefined {
  if (death === undefined) return "no node was killed";
  const its = `model ${death.slot}, which ${nameOf(death.node)} had when it was killed,`;
  if (comeback === undefined) return `${its} was never granted again`;
  const limit = ttl + TOLERANCE_MS;
  return comeback.after <= limit
    ? undefined
    : `${its} was granted again only after ${comeback.after.toFixed(0)} ms, later than ${limit} ms`;
}

import { breaksExclusion } from "../run/faults.ts";
import { type Attempt, believedUntil, type History, nameOf, type Violation } from "../run/history.ts";

/** Clocks are compared by floating numbers. */
const TOLERANCE = 1e-3;

/** Whether two may not both believe in their leases at one moment. */
export function excludeEachOther(a: Attempt, b: Attempt): boolean {
  if (!a.keys.some((key) => b.keys.includes(key))) return false;
  const [one, other] = [a.mode.kind, b.mode.kind];
  if (one === "read" && other === "read") return false;
  if (one === "slot" && other === "slot") return a.slot === b.slot;
  return one !== "permits" || other !== "permits";
}

/** A lease, and the time for which its process believed in it. */
interface Belief {
  readonly attempt: Attempt;
  readonly from: number;
  readonly to: number;
}

/** Nobody believes in a lease while somebody else believes in one that excludes it. */
export function checkExclusion(history: History): Violation[] {
  const until = promisedUntil(history);
  return overlaps(history).filter(({ at }) => at < until);
}

/** All that overlaps, also where that is not promised. */
export function overlaps(history: History): Violation[] {
  const beliefs = beliefsOf(history);
  return beliefs.flatMap((belief, index) => {
    // Sorted by their beginning: those before it that have not ended.
    const others = beliefs.slice(0, index).filter(({ to }) => to > belief.from + TOLERANCE);
    return [...clashes(belief, others), ...tooManyPermits(belief, others)].map((text) => ({
      promise: "exclusion" as const,
      at: belief.from,
      text,
    }));
  });
}

/** A single server that lost what it knew, or whose clock was set, cannot keep promise 1. */
export function promisedUntil({ struck, story }: History): number {
  const first = struck.find(({ fault }) => breaksExclusion(fault, story.servers.length));
  return first?.at ?? Number.POSITIVE_INFINITY;
}

function beliefsOf(history: History): Belief[] {
  const beliefs = history.attempts.flatMap((attempt): Belief[] => {
    const believed = believedUntil(attempt, history);
    const to = believed && Math.min(believed, attempt.bareSince ?? Number.POSITIVE_INFINITY);
    const from = attempt.endedAt ?? 0;
    const isTaken = history.forced.some(
      (forced) =>
        attempt.keys.includes(forced.key) && forced.to >= attempt.invokedAt && forced.from <= (to ?? 0),
    );
    return to === undefined || to <= from || isTaken ? [] : [{ attempt, from, to }];
  });
  return beliefs.sort((a, b) => a.from - b.from);
}

function clashes({ attempt, from }: Belief, others: readonly Belief[]): string[] {
  return others
    .filter((other) => excludeEachOther(attempt, other.attempt))
    .map(({ attempt: other, to }) => {
      const left = (to - from).toFixed(1);
      return `${nameOf(attempt)} was granted while ${nameOf(other)} is held for ${left} ms more`;
    });
}

/** The largest number that one of the holders named: the smaller one rules only for grants that know of it. */
function tooManyPermits({ attempt }: Belief, others: readonly Belief[]): string[] {
  if (attempt.mode.kind !== "permits") return [];
  const holders = [attempt, ...others.map((other) => other.attempt)].filter(
    ({ mode, keys }) => mode.kind === "permits" && keys[0] === attempt.keys[0],
  );
  const permits = Math.max(...holders.map(({ mode }) => (mode.kind === "permits" ? mode.permits : 0)));
  if (holders.length <= permits) return [];
  return [`${nameOf(attempt)} was granted as number ${holders.length} of ${permits} permits`];
}

import { type Attempt, type History, nameOf, type Violation } from "../run/history.ts";
import { MAX_TTL } from "../run/stage.ts";
import type { Story } from "../story/story.ts";
import { EPOCH } from "../world/process.ts";
import { excludeEachOther } from "./exclusion.ts";

/** A lease that was asked for after another one of its key was told has a larger token. */
export function checkFences(history: History): Violation[] {
  const { struck, attempts } = history;
  const isForgetful = hasForgotten(history);
  const replaces = replacesCounters(history);
  // A counter that is lost is replaced by the server's clock: that must not have been set back.
  if (replaces && struck.some(({ fault }) => fault.kind === "stepServerClock")) return [];
  // Readers have the token of the last writer that the server knows of.
  const granted = attempts.filter(
    ({ fencingToken, mode }) => fencingToken !== undefined && !(isForgetful && mode.kind === "read"),
  );
  const isPassed = replaces && haveClocksApart(history) ? passedBy(history.story.servers) : () => true;
  return granted.flatMap((second) => {
    if (continues(second, attempts)) return [];
    return granted.flatMap((first): Violation[] => {
      const { endedAt: at = 0 } = second;
      const text = isPassed(first, at) ? whatIsWrong(first, second) : undefined;
      return text === undefined ? [] : [{ promise: "fence", at, text }];
    });
  });
}

/** A ticket carries its token on: that is no new lease. */
function continues({ isAdopted, operation, fencingToken }: Attempt, all: readonly Attempt[]): boolean {
  return (
    isAdopted &&
    all.some(
      (other) => !other.isAdopted && other.operation === operation && other.fencingToken === fencingToken,
    )
  );
}

/** Whether a server counts by its clock: it has lost its counters, or as a node of a quorum may have by its restart. */
function replacesCounters(history: History): boolean {
  const isQuorum = history.story.servers.length > 1;
  return hasForgotten(history) || (isQuorum && history.struck.some(({ fault }) => fault.kind === "crash"));
}

/** Whether the clocks of clients are wrong by more than `maxTtl`: a node that counts anew waits no longer than that. */
function haveClocksApart({ story, struck }: History): boolean {
  const { processes, servers } = story;
  if (servers.length === 1) return false;
  const steps = struck.map(({ fault }) => (fault.kind === "stepProcessClock" ? fault.ms : 0));
  return [...processes.map(({ clock }) => clock.offset), ...steps].some((ms) => Math.abs(ms) > MAX_TTL);
}

/** Whether the clock that stands in for a counter has passed the token of a lease by then. */
function passedBy(servers: Story["servers"]) {
  return ({ fencingToken = 0 }: Attempt, at: number) =>
    servers.every(({ offset, rate }) => fencingToken <= (EPOCH + offset + at * rate) * 1_000);
}

/** Whether a server lost what it knew. */
export function hasForgotten({ struck }: History): boolean {
  return struck.some(
    ({ fault }) => fault.kind === "failover" || (fault.kind === "crash" && !fault.keepsData),
  );
}

function whatIsWrong(first: Attempt, second: Attempt): string | undefined {
  if (first.operation === second.operation || !excludeEachOther(first, second)) return undefined;
  const [a = 0, b = 0] = [first.fencingToken, second.fencingToken];
  const isReader = second.mode.kind === "read";
  const isLater = (first.endedAt ?? 0) < second.invokedAt;
  if (isLater && (isReader ? b < a : b <= a)) {
    return `${nameOf(second)} has the token ${b} after ${nameOf(first)} had ${a}`;
  }
  const isTwin = a === b && !isReader && first.mode.kind !== "read" && first.operation < second.operation;
  return isTwin ? `${nameOf(second)} and ${nameOf(first)} have the same token ${a}` : undefined;
}

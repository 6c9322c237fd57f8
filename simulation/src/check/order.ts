import { type Attempt, type History, nameOf, type Violation } from "../run/history.ts";
import type { Story } from "../story/story.ts";
import { excludeEachOther } from "./exclusion.ts";

/** Of two that are let in together, the second one may hear of it first: by so much at most, ms. */
const TOGETHER = 100;
/** The same where a waiter hears no messages, and asks by itself. */
const BY_ASKING = 1_500;

/**
 * Who was told to wait before somebody else asked is served first. Looked at for single keys, where nothing goes wrong and
 * no message is slow: a waiter that does not claim its turn within a second loses it for a while.
 */
export function checkOrder({ attempts, story, struck, forced }: History): Violation[] {
  const isCalm = story.topology === "single" && struck.length === 0 && story.weather.slow === 0;
  if (!isCalm || forced.length > 0) return [];
  const served = attempts.filter(
    ({ keys, mode, end, isAdopted }) =>
      keys.length === 1 && end === "granted" && !isAdopted && !(mode.kind === "slot" && mode.slot !== "any"),
  );
  const slack = story.processes.some(({ isDeaf }) => isDeaf) ? BY_ASKING : TOGETHER;
  const patient = served.filter((attempt) => !losesItsTurn(attempt, story));
  const shares = (second: Attempt, first: Attempt) => attempts.some((other) => lets(other, second, first));
  return patient.flatMap((first) =>
    served
      .filter((second) => isOvertaken(first, second, slack) && !shares(second, first))
      .map((second): Violation => {
        const text = `${nameOf(second)} was served before ${nameOf(first)}`;
        return { promise: "order", at: second.endedAt ?? 0, text };
      }),
  );
}

/** An offer lasts for a second, or for the ttl where that is shorter: a waiter that hears no message may ask too late. */
function losesItsTurn({ operation }: Attempt, { operations, processes }: Story): boolean {
  const wanted = operations[operation];
  if (wanted?.kind !== "hold" || processes[wanted.process]?.isDeaf !== true) return false;
  return Math.min(wanted.ttl, wanted.maxHold ?? wanted.ttl) < 1_000;
}

/** Waiters of one process that come so long after the first of them, in ms, stand at its place; clocks run apart a little. */
const WINDOW = 30 * 1.02;

/** Whether an acquire before `first` may have let `second` stand at its place. */
function lets(opener: Attempt, second: Attempt, first: Attempt): boolean {
  return (
    opener.process === second.process &&
    second.process !== first.process &&
    opener.keys.length === 1 &&
    opener.keys[0] === second.keys[0] &&
    opener.mode.kind === "exclusive" &&
    second.mode.kind === "exclusive" &&
    opener.invokedAt <= (first.waitingAt ?? 0) &&
    second.invokedAt - opener.invokedAt <= WINDOW
  );
}

function isOvertaken(first: Attempt, second: Attempt, together: number): boolean {
  const isBehind =
    first.waitingAt !== undefined && first.keys[0] === second.keys[0] && second.invokedAt > first.waitingAt;
  const slack = excludeEachOther(first, second) ? 0 : together;
  return isBehind && (second.endedAt ?? 0) + slack < (first.endedAt ?? 0);
}

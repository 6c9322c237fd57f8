import { type Attempt, type History, nameOf, pausedBetween, type Violation } from "../run/history.ts";

/** A timer of a process that is awake fires no later than this, ms. */
const TIMER_LATE = 15;

/** An extend is reckoned from when it was sent, by clocks that run apart. */
const SHORTER = 2;

/** A loss is told by the end of the validity, and nobody is told "released" of what had ended before unheard. */
export function checkLosses(history: History): Violation[] {
  return [...lateLosses(history), ...wrongBeliefs(history)];
}

/** Nobody is told to hold what has ended, and no extend takes away what was confirmed. */
function wrongBeliefs({ attempts, settledAt }: History): Violation[] {
  return attempts.flatMap((attempt): Violation[] => {
    const { isBelievedPastEnd, shortenedBy = 0, endedAt: at = settledAt } = attempt;
    const texts: string[] = [];
    if (isBelievedPastEnd) texts.push(`${nameOf(attempt)} was asserted to be held after its end`);
    if (shortenedBy > SHORTER)
      texts.push(`an extend of ${nameOf(attempt)} made it ${shortenedBy.toFixed(0)} ms shorter`);
    return texts.map((text) => ({ promise: "loss told", at, text }));
  });
}

function lateLosses({ attempts, pauses, killed }: History): Violation[] {
  return attempts.flatMap((attempt): Violation[] => {
    const { validUntil, process } = attempt;
    const heardAt = hearing(attempt) ?? killed.get(process);
    if (attempt.isClockStepped || validUntil === undefined || heardAt === undefined || heardAt <= validUntil)
      return [];
    const late = heardAt - validUntil - pausedBetween(pauses, process, validUntil - 1, heardAt);
    if (late <= TIMER_LATE) return [];
    return [
      {
        promise: "loss told",
        at: heardAt,
        text: `the loss of ${nameOf(attempt)} was told ${late.toFixed(1)} ms late`,
      },
    ];
  });
}

/** When its holder had done with it, or knew that it was lost. */
function hearing({ lostAt, releaseInvokedAt, closedAt, handedOverAt }: Attempt): number | undefined {
  const known = [lostAt, releaseInvokedAt, closedAt, handedOverAt].filter((at) => at !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

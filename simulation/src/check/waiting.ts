import { type Attempt, type History, nameOf, type Violation } from "../run/history.ts";
import { SETTLING } from "../run/stage.ts";

/** What an acquire may take beside its `wait`, ms: the answer to a request that was under way when it ended, and the undo. */
const GRACE = 1_300;

/** Every acquire ends: by its `wait`, or, where that is endless, when all faults are over; so does every release. */
export function checkWaiting(history: History): Violation[] {
  const { attempts, killed, settledAt } = history;
  const isStuck = ({ wait, endedAt = settledAt }: Attempt) => wait === "forever" && endedAt >= settledAt;
  return attempts
    .filter((attempt) => !killed.has(attempt.process) && !(isStuck(attempt) && keepsLonger(history)))
    .flatMap((attempt): Violation[] => {
      const text = whatTakesTooLong(attempt, settledAt);
      return text === undefined
        ? []
        : [{ promise: "bounded waiting", at: attempt.endedAt ?? settledAt, text }];
    });
}

/**
 * Whether the clock of a single server was set far back: a lease that nobody frees stands there for as much longer. A
 * quorum does without such a node.
 */
function keepsLonger({ story, struck }: History): boolean {
  const steps = struck.map(({ fault }) => (fault.kind === "stepServerClock" ? fault.ms : 0));
  return story.servers.length === 1 && Math.min(0, ...steps) < -SETTLING / 2;
}

function whatTakesTooLong(attempt: Attempt, settledAt: number): string | undefined {
  const { end, endedAt, invokedAt, wait, releaseInvokedAt, releasedAt, pausedWhileWaiting = 0 } = attempt;
  // Then everybody closes, which ends what still waits.
  if (end === undefined || endedAt === undefined || endedAt >= settledAt)
    return `${nameOf(attempt)} has not ended`;
  if (releaseInvokedAt !== undefined && (releasedAt ?? settledAt) >= settledAt) {
    return `the release of ${nameOf(attempt)} has not ended`;
  }
  const waited = endedAt - invokedAt - pausedWhileWaiting;
  if (wait === "forever" || attempt.isAdopted || waited <= wait + GRACE) return undefined;
  return `${nameOf(attempt)} ended after ${waited.toFixed(1)} ms where it would wait ${wait}`;
}

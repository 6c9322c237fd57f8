import { frames, type Turn } from "./held-turn.ts";

/**
 * The turn in which the code that runs now was called: of that session, or the innermost of any. Undefined outside of
 * turns. A single call to a locked memory is a turn as well: a store finds its fencing token here.
 */
export function currentTurn(sessionId?: string): Turn | undefined {
  const isOfOldTurn = frames.isEventAfterTurn();
  return frames.find(({ turn, scope }) => {
    const isItsOwn = turn.subject.isBare || (isOfOldTurn && !scope.isOfWrite);
    return (sessionId === undefined || turn.sessionId === sessionId) && !(turn.hasEnded && isItsOwn);
  })?.turn;
}

/**
 * Runs code that belongs to no turn, although it is called in one: for what is made once and lives on, such as a
 * connection, a timer or a worker. Its callbacks would take the turn along, and be refused when that is over.
 *
 * @example
 * const subscriber = outsideTurn(() => new Redis().on("message", save));
 */
export function outsideTurn<T>(work: () => T): T {
  return frames.exit(work);
}

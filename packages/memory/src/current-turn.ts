import { frames, type HeldTurn, type Turn } from "./held-turn.ts";

/**
 * The turn in which the code that runs now was called: of that session, or the innermost of any. Undefined outside of
 * turns. A single call to a locked memory is a turn as well: a store finds its fencing token here.
 */
export function currentTurn(sessionId?: string): Turn | undefined {
  const fits = (turn: HeldTurn) => sessionId === undefined || turn.sessionId === sessionId;
  return frames.find((turn) => fits(turn) && !(turn.subject.isBare && turn.hasEnded))?.turn;
}

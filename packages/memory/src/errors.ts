export { LockUsageError } from "@lock/core";

const ADVICE =
  "await or return it, or pass it to waitUntil; make a connection, timer or worker that outlives its turn in outsideTurn";

/** A memory was used by work that has outlived its turn; the store was not touched. */
export class TurnEndedError extends Error {
  override readonly name = "TurnEndedError";
  readonly code = "TURN_ENDED";

  constructor(
    readonly sessionId: string,
    because = "its work has settled",
  ) {
    super(`the turn of the session ${JSON.stringify(sessionId)} is over: ${because}; ${ADVICE}`);
  }
}

/** Somebody began another turn of the session with `onConcurrentTurn: "interrupt"`. */
export class TurnInterruptedError extends Error {
  override readonly name = "TurnInterruptedError";
  readonly code = "TURN_INTERRUPTED";

  constructor(readonly sessionId: string) {
    super(`the turn of the session ${JSON.stringify(sessionId)} was interrupted by a newer one`);
  }
}

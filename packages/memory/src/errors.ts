export { LockUsageError } from "@lock/core";

/** A memory was used by work that has outlived its turn; the store was not touched. */
export class TurnEndedError extends Error {
  override readonly name = "TurnEndedError";
  readonly code = "TURN_ENDED";

  constructor(
    readonly sessionId: string,
    because = "its work has settled",
  ) {
    const advice = "await all that belongs to a turn, or begin another one";
    super(`the turn of the session ${JSON.stringify(sessionId)} is over: ${because}; ${advice}`);
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

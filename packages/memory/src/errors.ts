/** What every error of a turn tells. */
abstract class TurnError extends Error {
  abstract readonly code: "TURN_ENDED" | "TURN_INTERRUPTED";

  constructor(
    message: string,
    readonly sessionId: string,
  ) {
    super(message);
  }
}

/** A memory was used by work that has outlived its turn; the store was not touched. */
export class TurnEndedError extends TurnError {
  override readonly name = "TurnEndedError";
  readonly code = "TURN_ENDED";

  constructor(sessionId: string, because = "it was used after its work had settled") {
    const advice = "await everything that belongs to a turn before it ends, or begin another with withTurn";
    super(
      `the turn of the session ${JSON.stringify(sessionId)} has ended (${because}): ${advice}`,
      sessionId,
    );
  }
}

/** Somebody began another turn of the session with `onConcurrentTurn: "interrupt"`. */
export class TurnInterruptedError extends TurnError {
  override readonly name = "TurnInterruptedError";
  readonly code = "TURN_INTERRUPTED";

  constructor(sessionId: string) {
    super(`the turn of the session ${JSON.stringify(sessionId)} was interrupted by a newer one`, sessionId);
  }
}

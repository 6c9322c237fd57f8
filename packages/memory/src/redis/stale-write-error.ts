/** A newer turn has written to the session: this write came from one that was lost, and was not made. */
export class StaleWriteError extends Error {
  override readonly name = "StaleWriteError";
  readonly code = "STALE_WRITE";

  constructor(
    readonly sessionId: string,
    /** What the write carried. */
    readonly fencingToken: number,
    /** What the store has seen. */
    readonly seen: number,
  ) {
    super(
      `a write to the session ${JSON.stringify(sessionId)} was refused: its fencing token is ${fencingToken}, and the store has seen ${seen}`,
    );
  }
}

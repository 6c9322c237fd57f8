/** What an agent tells, one at a time. Of turns, their names. */
export interface Told {
  /** A turn has saved its question, and not its answer. */
  readonly half?: string;
  readonly saved?: string;
  readonly lost?: string;
  /** What came of a write of a lost turn, past its lock. */
  readonly outcome?: string;
  /** All turns were taken. */
  readonly over?: true;
}

/** A message as the store has it. */
export interface Stored {
  readonly role: string;
  readonly turn: string;
  readonly token: number;
  /** How many messages its turn found. */
  readonly seen: number;
}

/**
 * What is wrong with the sessions: a turn that somebody believes saved is not there, or twice; a turn is torn apart, or was
 * made without having seen all that came before; tokens that shrink; half a turn where there should be none.
 */
export function faultsOf(
  sessions: readonly (readonly Stored[])[],
  saved: readonly string[],
  mayBeHalf: (turn: string) => boolean,
): string[] {
  const faults = sessions.flatMap((messages) => faultsIn(messages, mayBeHalf));
  const whole = sessions.flatMap((messages) => messages.filter(({ role }) => role === "assistant"));
  const times = new Map<string, number>();
  for (const { turn } of whole) times.set(turn, (times.get(turn) ?? 0) + 1);
  for (const turn of saved) {
    if (times.get(turn) !== 1) faults.push(`${turn} was saved ${times.get(turn) ?? 0} times`);
  }
  return faults;
}

function faultsIn(messages: readonly Stored[], mayBeHalf: (turn: string) => boolean): string[] {
  const faults: string[] = [];
  for (const [at, message] of messages.entries()) {
    const { role, turn, token, seen } = message;
    const before = messages[at - 1];
    if (token < (before?.token ?? 0)) faults.push(`${turn} has a smaller token than ${before?.turn}`);
    if (role === "stale") faults.push(`${turn} was stored although it was stale`);
    if (role === "user" && seen !== at) faults.push(`${turn} saw ${seen} messages of ${at}`);
    if (role === "user" && !isTurn(message, messages[at + 1]) && !mayBeHalf(turn)) {
      faults.push(`${turn} has no answer behind it`);
    }
    if (role === "assistant" && !isTurn(before, message))
      faults.push(`${turn} has no question in front of it`);
  }
  return faults;
}

function isTurn(question: Stored | undefined, answer: Stored | undefined): boolean {
  return question?.role === "user" && answer?.role === "assistant" && question.turn === answer.turn;
}

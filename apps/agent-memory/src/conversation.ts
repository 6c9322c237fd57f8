/** One turn as the store has it. */
export interface Turn {
  readonly turn: number;
  /** How many turns of the session its agent knew of when it answered. */
  readonly knew: number;
  readonly agent: string;
  /** From 1: an agent that lost a session takes its turn again. */
  readonly attempt: number;
  /** Undefined without the lock. */
  readonly fence: number | undefined;
}

/** A message of a conversation. Of a turn, the answer tells the facts. */
export type Message =
  | { readonly role: "user"; readonly content: string; readonly turn: number }
  | { readonly role: "assistant"; readonly content: string; readonly of: Turn }
  | { readonly role: "summary"; readonly content: string; readonly turns: readonly Turn[] };

/** A conversation that is longer is summed up, all but the last turns: as agents do whose model reads only so much. */
const LONGEST = 12;
const KEPT = 4;

/** All turns, in their order. */
export function turnsOf(messages: readonly Message[]): Turn[] {
  return messages.flatMap((message) => {
    if (message.role === "summary") return message.turns;
    return message.role === "assistant" ? [message.of] : [];
  });
}

/** What is to be saved after a turn: what is added, or, where the conversation is too long, all of it anew. */
export type Save =
  | { readonly kind: "append"; readonly messages: readonly Message[] }
  | { readonly kind: "replace"; readonly messages: readonly Message[] };

export function saveOf(history: readonly Message[], question: string, answer: string, of: Turn): Save {
  const added: readonly Message[] = [
    { role: "user", content: question, turn: of.turn },
    { role: "assistant", content: answer, of },
  ];
  const all = [...history, ...added];
  if (all.length <= LONGEST) return { kind: "append", messages: added };
  const turns = turnsOf(all.slice(0, -KEPT));
  const summary: Message = { role: "summary", content: `${turns.length} earlier turns`, turns };
  return { kind: "replace", messages: [summary, ...all.slice(-KEPT)] };
}

/** Turns whose question and answer do not stand next to each other. */
export function tornTurns(messages: readonly Message[]): number[] {
  return messages.flatMap((message, at) => {
    const [before, after] = [messages[at - 1], messages[at + 1]];
    if (message.role === "assistant") {
      return before?.role === "user" && before.turn === message.of.turn ? [] : [message.of.turn];
    }
    if (message.role !== "user") return [];
    return after?.role === "assistant" && after.of.turn === message.turn ? [] : [message.turn];
  });
}

import { currentTurn } from "@lock/memory";
import type { RedisMemory } from "@lock/memory/redis";
import { type Message, saveOf, turnsOf } from "./conversation.ts";
import type { Question } from "./messages.ts";
import { streamAnswer } from "./model.ts";

export type Store = RedisMemory<Message>;

/** What a turn is made of beside its memory and its question. */
export interface TurnContext {
  readonly agent: string;
  readonly attempt: number;
  readonly pace: number;
  /** Hears what is said so far, and may keep the agent waiting. */
  readonly onWord: (text: string) => Promise<void> | void;
}

/** Load, think, save: the same code with and without the lock. */
export async function converse(memory: Store, { turn, text }: Question, context: TurnContext): Promise<void> {
  const { agent, attempt, pace, onWord } = context;
  const { signal, fencingToken: fence } = currentTurn(memory.sessionId) ?? {};
  const history = await memory.getMessages();
  const knew = turnsOf(history).length;
  let answer = "";
  for await (const word of streamAnswer(knew, text, pace, signal)) {
    answer += word;
    await onWord(answer);
  }
  const save = saveOf(history, text, answer.trimEnd(), { turn, knew, agent, attempt, fence });
  await memory[save.kind](save.messages);
}

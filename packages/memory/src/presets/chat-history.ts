import type { LockedMemory } from "../locked-object.ts";
import type { MemoryOptions } from "../options.ts";
import { callsIn, type Message, withResults } from "./langchain-messages.ts";
import { lockWithToolCalls, type ToolCalls } from "./tool-calls.ts";

/** LangChain's `BaseChatMessageHistory`, by its shape. */
export interface ChatHistory {
  getMessages(): Promise<unknown[]>;
  addMessage(message: never): Promise<void>;
}

const SHAPE = {
  name: "chat history",
  required: ["getMessages", "addMessage"],
  read: ["getMessages"],
  write: ["addMessage", "addUserMessage", "addAIMessage", "addAIChatMessage", "addMessages", "clear"],
};

/**
 * Locks a chat message history of LangChain, such as those that `RunnableWithMessageHistory` asks for. That one loads and
 * saves by itself: hold a turn around its `invoke` or `stream`. If a turn is cut between a tool call that it has saved and
 * its result, a result is added that says so, since models refuse a call without.
 * @throws LockUsageError
 */
export function chatHistory<History extends ChatHistory>(
  history: History,
  options: MemoryOptions,
): LockedMemory<History> {
  return lockWithToolCalls("chatHistory", history, SHAPE, options, toolCallsOf(history));
}

function toolCallsOf(history: ChatHistory): ToolCalls {
  return {
    writtenBy: (args) => callsIn(args),
    settle: async (_sessionId, calls) => {
      const messages = (await history.getMessages()) as Message[];
      const known = new Set(messages);
      const results = withResults(messages, calls).filter((message) => !known.has(message));
      for (const result of results) await history.addMessage(result as never);
    },
  };
}

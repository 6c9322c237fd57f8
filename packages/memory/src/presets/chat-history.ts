import { lockShape } from "../lock-memory.ts";
import type { LockedMemory } from "../locked-object.ts";
import type { MemoryOptions } from "../options.ts";

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
 * saves by itself: hold a turn around its `invoke` or `stream`.
 * @throws LockUsageError
 */
export function chatHistory<History extends ChatHistory>(
  history: History,
  options: MemoryOptions,
): LockedMemory<History> {
  return lockShape("chatHistory", history, SHAPE, options);
}

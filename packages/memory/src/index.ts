export { currentTurn, outsideTurn } from "./current-turn.ts";
export { TurnEndedError, TurnInterruptedError } from "./errors.ts";
export type { Turn } from "./held-turn.ts";
export { lockMemory } from "./lock-memory.ts";
export type { LockedMemory, TurnHolder } from "./locked-object.ts";
export type {
  LateSave,
  LockMemoryOptions,
  MemoryCall,
  MemoryLocks,
  MemoryOptions,
  MemoryWrite,
  MethodTable,
  OnConcurrentTurn,
  SessionId,
  TurnDefaults,
  TurnOptions,
} from "./options.ts";
export { type AiChat, type AiChatOptions, aiChat } from "./presets/ai-chat.ts";
export { type ChatHistory, chatHistory } from "./presets/chat-history.ts";
export { type LangchainMemory, langchainMemory } from "./presets/langchain-memory.ts";
export {
  type LanggraphSaver,
  type LanggraphSaverOptions,
  langgraphSaver,
} from "./presets/langgraph-saver.ts";
export { type MastraAgent, type MastraAgentOptions, mastraAgent } from "./presets/mastra-agent.ts";
export {
  type MastraThreadLock,
  type MastraThreadLockOptions,
  mastraThreadLock,
} from "./presets/mastra-thread-lock.ts";
export { type OpenaiSession, type OpenaiSessionOptions, openaiSession } from "./presets/openai-session.ts";
export type { TurnTold } from "./told.ts";

import { InMemoryChatMessageHistory } from "@langchain/core/chat_history";
import { MemorySaver } from "@langchain/langgraph-checkpoint";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import {
  chatHistory,
  type LockedMemory,
  langgraphSaver,
  lockMemory,
  type MemoryOptions,
  mastraThreadLock,
  openaiSession,
} from "@lock/memory";
import { type ChatMessage, type RedisMemory, redisMemory } from "@lock/memory/redis";
import { MemorySession } from "@openai/agents-core";
import { Redis } from "ioredis";
import { createClient } from "redis";

const locks = createLocks({ backend: inProcessBackend() });
export const options: MemoryOptions = { locks, sessionId: "a", onConcurrentTurn: "interrupt" };

export async function use(): Promise<void> {
  const store: RedisMemory<ChatMessage> = redisMemory(new Redis(), { sessionId: "a" });
  redisMemory(createClient(), { sessionId: "a" });
  const memory: LockedMemory<RedisMemory<ChatMessage>> = lockMemory(store, options);
  const length: number = await memory.withTurn(async ({ signal, fencingToken }) => {
    signal.throwIfAborted();
    await memory.append({ role: "user", content: `${fencingToken}` });
    return (await memory.getMessages()).length;
  });
  const history = chatHistory(new InMemoryChatMessageHistory(), options);
  const saver: MemorySaver = langgraphSaver(new MemorySaver(), { locks });
  const session = openaiSession(new MemorySession(), { locks });
  await mastraThreadLock({ locks }).acquire(await session.getSessionId());
  // @ts-expect-error: a history has no such method
  await history.append("a");
  // @ts-expect-error: whose conversation it is has to be said
  lockMemory(store, { locks });
  console.log(length, (await history.getMessages()).length, saver.getNextVersion(1));
}

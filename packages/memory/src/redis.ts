export type { ChatMessage, MessageCodec } from "./redis/messages.ts";
export type { RedisMemory, WriteOptions } from "./redis/redis-memory.ts";
export { type RedisMemoryOptions, redisMemory } from "./redis/redis-memory.ts";
export { StaleWriteError } from "./redis/stale-write-error.ts";

export type { RedisMemory, WriteOptions } from "./redis/redis-memory.ts";
export {
  type ChatMessage,
  type MessageCodec,
  type RedisMemoryOptions,
  redisMemory,
} from "./redis/redis-memory.ts";
export { StaleWriteError } from "./redis/stale-write-error.ts";

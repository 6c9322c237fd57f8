import { redisMemory } from "@lock/memory/redis";
import type { Redis } from "ioredis";
import type { Message } from "./conversation.ts";
import type { Store } from "./converse.ts";

/** How long a session stays with an agent that does not stir. Short, for nobody wants to watch half a minute of nothing. */
export const TTL = 2_000;

/** The conversation of a session. Without the lock there is no turn, and so no fencing token. */
export function openStore(client: Redis, prefix: string, sessionId: string, lock: boolean): Store {
  const unfenced = lock ? "refuse" : "allow";
  return redisMemory<Message>(client, { sessionId, prefix: `${prefix}:chats`, unfenced });
}

import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import type { DemoRedis } from "@lock/demo-kit";
import { redisMemory } from "@lock/memory/redis";
import { Redis } from "ioredis";
import type { Message } from "./conversation.ts";
import type { Store } from "./converse.ts";

/** How long a session stays with an agent that does not stir. Short, for nobody wants to watch half a minute of nothing. */
export const TTL = 2_000;

export function openClient(url: string): Redis {
  const client = new Redis(url);
  // It connects again by itself, and who uses it is told of what fails in between.
  client.on("error", () => undefined);
  return client;
}

/** Locks over a client that was opened for them. */
export interface OpenLocks extends AsyncDisposable {
  readonly locks: Locks;
}

export function openLocks(url: string, prefix: string, holder: string): OpenLocks {
  const client = openClient(url);
  const locks = createLocks({ backend: ioredisBackend(client), prefix, holder });
  return {
    locks,
    // The locks first: they release what is held. The client stays ours to close.
    [Symbol.asyncDispose]: async () => {
      await locks.close();
      client.disconnect();
    },
  };
}

/** The conversation of a session. Without the lock there is no turn, and so no fencing token. */
export function openStore(client: Redis, prefix: string, sessionId: string, lock: boolean): Store {
  const unfenced = lock ? "refuse" : "allow";
  return redisMemory<Message>(client, { sessionId, prefix: `${prefix}:chats`, unfenced });
}

/** All that this run of the demo has in Redis is removed, where that is used by others. */
export async function removeKeys({ url, startedHere }: DemoRedis, prefix: string): Promise<void> {
  if (startedHere) return;
  const client = openClient(url);
  for await (const batch of client.scanStream({ match: `${prefix}:*`, count: 500 })) {
    const keys = batch as string[];
    if (keys.length > 0) await client.unlink(...keys);
  }
  client.disconnect();
}

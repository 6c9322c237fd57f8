import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { Redis } from "ioredis";
import { createClient } from "redis";

/** Locks over a client that was opened for them. */
export interface OpenLocks extends AsyncDisposable {
  readonly locks: Locks;
}

interface Who {
  readonly prefix: string;
  readonly holder: string;
}

async function openIoredis(url: string, who: Who): Promise<OpenLocks> {
  const client = new Redis(url);
  // It connects again by itself, and what fails in between is told by the locks.
  client.on("error", () => undefined);
  const locks = createLocks({ backend: ioredisBackend(client), ...who });
  return closing(locks, () => client.disconnect());
}

async function openNodeRedis(url: string, who: Who): Promise<OpenLocks> {
  const client = createClient({ url });
  // As above; and without a listener a lost connection would end the process.
  client.on("error", () => undefined);
  await client.connect();
  const locks = createLocks({ backend: nodeRedisBackend(client), ...who });
  return closing(locks, () => client.destroy());
}

/** The locks first: they release what is held. The client stays ours to close. */
function closing(locks: Locks, disconnect: () => void): OpenLocks {
  return {
    locks,
    [Symbol.asyncDispose]: async () => {
      await locks.close();
      disconnect();
    },
  };
}

export const openLocks = { ioredis: openIoredis, "node-redis": openNodeRedis } as const;

import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { Redis } from "ioredis";
import { createClient } from "redis";

/** Locks over a client that was opened for them. */
export interface OpenLocks extends AsyncDisposable {
  readonly locks: Locks;
}

async function openIoredis(url: string, holder: string): Promise<OpenLocks> {
  const client = new Redis(url);
  const locks = createLocks({ backend: ioredisBackend(client), holder, prefix: "demo" });
  return closing(locks, () => client.disconnect());
}

async function openNodeRedis(url: string, holder: string): Promise<OpenLocks> {
  const client = createClient({ url });
  // node-redis connects again by itself; without a listener a lost connection would end the process.
  client.on("error", () => undefined);
  await client.connect();
  const locks = createLocks({ backend: nodeRedisBackend(client), holder, prefix: "demo" });
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

import { createLocks, type LocksWithoutPermits } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { type QuorumNode, quorumBackend } from "@lock/core/quorum";
import { Redis } from "ioredis";
import { createClient } from "redis";
import type { LIBRARIES } from "./messages.ts";

/** Locks over clients that were opened for them. */
export interface OpenLocks extends AsyncDisposable {
  readonly locks: LocksWithoutPermits;
}

interface OpenNode {
  readonly backend: QuorumNode;
  close(): void;
}

/** A node that comes back without its data abstains for so long; the longest ttl, and the longest minHold. */
const MAX_TTL_MS = 15_000;

async function openIoredis(url: string): Promise<OpenNode> {
  const client = new Redis(url);
  // It connects again by itself, and what fails in between is told by the locks.
  client.on("error", () => undefined);
  return { backend: ioredisBackend(client), close: () => client.disconnect() };
}

async function openNodeRedis(url: string): Promise<OpenNode> {
  const client = createClient({ url });
  // As above; and without a listener a lost connection would end the process.
  client.on("error", () => undefined);
  await client.connect();
  return { backend: nodeRedisBackend(client), close: () => client.destroy() };
}

const open = { ioredis: openIoredis, "node-redis": openNodeRedis } as const;

/** Locks by the majority of the nodes. */
export async function openLocks(
  urls: readonly string[],
  library: (typeof LIBRARIES)[number],
  holder: string,
): Promise<OpenLocks> {
  const nodes = await Promise.all(urls.map(open[library]));
  const backend = quorumBackend(
    nodes.map((node) => node.backend),
    { maxTtl: MAX_TTL_MS },
  );
  const locks = createLocks({ backend, holder, prefix: "demo", ttl: MAX_TTL_MS });
  return {
    locks,
    // The locks first: they release what is held. The clients stay ours to close.
    [Symbol.asyncDispose]: async () => {
      await locks.close();
      for (const { close } of nodes) close();
    },
  };
}

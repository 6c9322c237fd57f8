import { createLocks, type LocksWithoutPermits } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { type QuorumNode, quorumBackend } from "@lock/core/quorum";
import { createClient } from "redis";
import { closing, type OpenLocks, openClient, type Who } from "./clients.ts";
import type { Library } from "./library.ts";

interface OpenBackend {
  readonly backend: QuorumNode;
  close(): void;
}

/** Milliseconds. */
export interface QuorumTerms {
  /** Of a lease, unless it asks for another one. */
  readonly ttl: number;
  /** A node that comes back without its data abstains for so long: no shorter than any ttl and any minHold. */
  readonly maxTtl: number;
  /** Whether the nodes keep every write over a restart: then they vote at once. */
  readonly durable: boolean;
}

/** Decorates a node; `index` counts from 0. */
type Wrap = (node: QuorumNode, index: number) => QuorumNode;

/** Locks on one Redis, with a client of either library. */
export async function openLocksBy(library: Library, url: string, who: Who): Promise<OpenLocks> {
  const { backend, close } = await openBackend[library](url);
  return closing(createLocks({ backend, ...who }), close);
}

/** Locks by the majority of the nodes, with clients of either library. */
export async function openQuorumLocksBy(
  library: Library,
  urls: readonly string[],
  { ttl, maxTtl, durable, ...who }: Who & QuorumTerms,
  wrap: Wrap = (node) => node,
): Promise<OpenLocks<LocksWithoutPermits>> {
  const nodes = await Promise.all(urls.map((url) => openBackend[library](url)));
  const backends = nodes.map(({ backend }, index) => wrap(backend, index));
  const locks = createLocks({ backend: quorumBackend(backends, { maxTtl, durable }), ttl, ...who });
  return closing(locks, () => {
    for (const { close } of nodes) close();
  });
}

const openBackend = { ioredis: openIoredis, "node-redis": openNodeRedis } as const;

async function openIoredis(url: string): Promise<OpenBackend> {
  const client = openClient(url);
  return { backend: ioredisBackend(client), close: () => client.disconnect() };
}

async function openNodeRedis(url: string): Promise<OpenBackend> {
  const client = createClient({ url });
  // It connects again by itself; and without a listener a lost connection would end the process.
  client.on("error", () => undefined);
  await client.connect();
  return { backend: nodeRedisBackend(client), close: () => client.destroy() };
}

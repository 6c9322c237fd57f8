import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import type { DemoRedis } from "@lock/demo-kit";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import type { QueueName, Report } from "./messages.ts";
import { Store, storePrefix } from "./store.ts";

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

export function openClient(url: string): Redis {
  const client = new Redis(url);
  // It connects again by itself, and who uses it is told of what fails in between.
  client.on("error", () => undefined);
  return client;
}

/** How BullMQ finds its keys: with connections of its own, never those of the locks. */
export function bullmqOptions(url: string, prefix: string) {
  return { connection: { url, maxRetriesPerRequest: null }, prefix: `${prefix}:bull` };
}

export interface OpenQueue extends AsyncDisposable {
  readonly queue: Queue<Report, void, string>;
}

export function openQueue(name: QueueName, url: string, prefix: string): OpenQueue {
  const queue = new Queue<Report, void, string>(name, bullmqOptions(url, prefix));
  queue.on("error", () => undefined);
  return { queue, [Symbol.asyncDispose]: () => queue.close() };
}

/** What this run of the demo has in Redis. */
export interface Keys extends AsyncDisposable {
  readonly store: Store;
  /** Where the reports and their log are. */
  readonly kept: string;
}

type KeysRedis = Pick<DemoRedis, "url" | "startedHere">;

/** A Redis that others use is left as it was, apart from the store where that is to be kept. */
export function openKeys({ url, startedHere }: KeysRedis, prefix: string, keep: boolean): Keys {
  const client = openClient(url);
  const kept = storePrefix(prefix);
  return {
    store: new Store(client, prefix),
    kept: `${kept}*`,
    [Symbol.asyncDispose]: async () => {
      if (!startedHere) await remove(client, prefix, (key) => !(keep && key.startsWith(kept)));
      client.disconnect();
    },
  };
}

async function remove(client: Redis, prefix: string, isToGo: (key: string) => boolean): Promise<void> {
  for await (const batch of client.scanStream({ match: `${prefix}:*`, count: 500 })) {
    const keys = (batch as string[]).filter(isToGo);
    if (keys.length > 0) await client.unlink(...keys);
  }
}

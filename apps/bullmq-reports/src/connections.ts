import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import type { QueueName, Report } from "./messages.ts";

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

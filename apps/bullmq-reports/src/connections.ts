import type { DemoRedis } from "@lock/demo-kit";
import { openClient, removeKeys } from "@lock/demo-kit/clients";
import { Queue } from "bullmq";
import type { QueueName, Report } from "./messages.ts";
import { Store, storePrefix } from "./store.ts";

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
      if (!startedHere) await removeKeys(client, prefix, (key) => !(keep && key.startsWith(kept)));
      client.disconnect();
    },
  };
}

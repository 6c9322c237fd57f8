import type { DemoRedis } from "@lock/demo-kit";
import type { Redis } from "ioredis";
import { openClient } from "./connections.ts";
import { Store, storePrefix } from "./store.ts";

/** What this run of the demo has in Redis. */
export interface Keys extends AsyncDisposable {
  readonly store: Store;
  /** Where the reports and their log are. */
  readonly kept: string;
}

/** A Redis that others use is left as it was, apart from the store where that is to be kept. */
export function openKeys({ url, startedHere }: DemoRedis, prefix: string, keep: boolean): Keys {
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

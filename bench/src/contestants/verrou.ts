import { LockFactory } from "@verrou/core";
import { redisStore } from "@verrou/core/drivers/redis";
import { asPeerClient, openIoredis5 } from "./clients.ts";
import { type Contestant, RETRY_DELAY, TTL } from "./contestant.ts";

export const verrou: Contestant = {
  name: "@verrou/core",
  family: "rival",
  client: "ioredis 5",
  settings: `retry ${RETRY_DELAY} ms (default 250), has no renewal`,
  open: async (url) => {
    const client = await openIoredis5(url);
    const store = redisStore({ connection: asPeerClient(client) }).factory();
    const factory = new LockFactory(store, { retry: { delay: RETRY_DELAY } });
    return {
      acquire: async (key) => {
        const lock = factory.createLock(key, TTL);
        await lock.acquire();
        return () => lock.release();
      },
      close: async () => client.disconnect(),
    };
  },
};

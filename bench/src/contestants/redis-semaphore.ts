import { Mutex } from "redis-semaphore";
import { asPeerClient, openIoredis5 } from "./clients.ts";
import { type Contestant, RETRY_DELAY, TTL } from "./contestant.ts";

const OPTIONS = {
  lockTimeout: TTL,
  acquireTimeout: Number.POSITIVE_INFINITY,
  retryInterval: RETRY_DELAY,
  refreshInterval: 0,
};

export const redisSemaphore: Contestant = {
  name: "redis-semaphore",
  family: "rival",
  client: "ioredis 5",
  settings: `retry ${RETRY_DELAY} ms (its default), renewal off`,
  open: async (url) => {
    const client = await openIoredis5(url);
    return {
      acquire: async (key) => {
        const mutex = new Mutex(asPeerClient(client), key, OPTIONS);
        await mutex.acquire();
        return () => mutex.release();
      },
      close: async () => client.disconnect(),
    };
  },
};

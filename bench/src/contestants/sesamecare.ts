import { Redlock } from "@sesamecare-oss/redlock";
import { asPeerClient, openIoredis5 } from "./clients.ts";
import { type Contestant, RETRY_DELAY, RETRY_JITTER, TTL } from "./contestant.ts";

export const sesamecare: Contestant = {
  name: "@sesamecare-oss/redlock",
  family: "rival",
  client: "ioredis 5",
  settings: `retry ${RETRY_DELAY} ± ${RETRY_JITTER} ms (default 200 ± 100), no renewal`,
  open: async (url) => {
    const client = await openIoredis5(url);
    const settings = { retryCount: -1, retryDelay: RETRY_DELAY, retryJitter: RETRY_JITTER };
    const redlock = new Redlock([asPeerClient(client)], settings);
    return {
      acquire: async (key) => {
        const lock = await redlock.acquire([key], TTL);
        return () => lock.release();
      },
      close: async () => client.disconnect(),
    };
  },
};

import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { quorumBackend } from "@lock/core/quorum";
import { createRedlock, IoredisAdapter } from "redlock-universal";
import Redlock from "redlock5";
import { asPeerClient, openIoredis5 } from "../contestants/clients.ts";

export const TTL = 10_000;
/** How long one waits for a busy key: as many retries as fit, where waiting is told by those. */
const WAIT = 2_000;

/** A quorum lock as all contestants have it; `acquire` rejects when the key stays busy. */
export interface Session {
  acquire(key: string): Promise<() => Promise<unknown>>;
  close(): Promise<void>;
}

export interface Contestant {
  readonly name: string;
  readonly settings: string;
  open(urls: readonly string[]): Promise<Session>;
}

type Client = Awaited<ReturnType<typeof openIoredis5>>;

async function withClients(
  urls: readonly string[],
  open: (clients: readonly Client[]) => Omit<Session, "close"> & Partial<Session>,
): Promise<Session> {
  const clients = await Promise.all(urls.map(openIoredis5));
  const session = open(clients);
  const close = async () => {
    await session.close?.();
    for (const client of clients) client.disconnect();
  };
  return { ...session, close };
}

const ours: Contestant = {
  name: "@lock/core",
  settings: "as it comes, with fencing tokens",
  open: (urls) =>
    withClients(urls, (clients) => {
      const backend = quorumBackend(clients.map((client) => ioredisBackend(client)));
      const locks = createLocks({ backend, ttl: TTL, wait: WAIT });
      return {
        acquire: async (key) => {
          const lease = await locks.acquire(key);
          return () => lease.release();
        },
        close: () => locks.close(),
      };
    }),
};

const redlock5: Contestant = {
  name: "redlock 5",
  settings: "as it comes: 10 retries after 200 ± 100 ms",
  open: (urls) =>
    withClients(urls, (clients) => {
      const redlock = new Redlock(clients);
      return {
        acquire: async (key) => {
          const lock = await redlock.acquire([key], TTL);
          return () => lock.release();
        },
      };
    }),
};

const redlockUniversal: Contestant = {
  name: "redlock-universal",
  settings: `as it comes, with retries for ${WAIT} ms`,
  open: (urls) =>
    withClients(urls, (clients) => {
      const adapters = clients.map((client) => IoredisAdapter.from(asPeerClient(client)));
      return {
        acquire: async (key) => {
          const lock = createRedlock({ adapters, key, ttl: TTL, retryDelay: 100, retryAttempts: WAIT / 100 });
          const handle = await lock.acquire();
          return () => lock.release(handle);
        },
      };
    }),
};

export const contestants: readonly Contestant[] = [ours, redlock5, redlockUniversal];

import { once } from "node:events";
import type { Redis } from "ioredis5";
import { Mutex } from "redis-semaphore";
import { createLock, IoredisAdapter } from "redlock-universal";
import Redlock from "redlock5";
import { asPeerClient } from "../../src/contestants/clients.ts";
import type { Contestant } from "../../src/contestants/contestant.ts";
import { redisSemaphore } from "../../src/contestants/redis-semaphore.ts";
import { redlockUniversalOnIoredis5 } from "../../src/contestants/redlock-universal.ts";
import { redlock5 } from "../../src/contestants/redlock5.ts";

/** One that has a lock which its library renews. */
export interface Holder {
  /** Whether the library says, at this moment, that the lock is held. */
  believes(): boolean;
  end(): Promise<unknown>;
}

/** A library that renews, and tells its holder of a loss in its own way. */
export interface Renewing {
  readonly name: string;
  /** The same library, for one that wants the key, too. */
  readonly contestant: Contestant;
  hold(client: Redis, key: string, ttl: number): Promise<Holder>;
}

type Using = (routine: (signal: AbortSignal) => Promise<void>) => Promise<void>;

/** Holds for as long as the routine of `using` runs. */
function within(using: Using): Promise<Holder> {
  return new Promise((resolve, reject) => {
    const ending = new AbortController();
    const settled = using(async (signal) => {
      const end = () => {
        ending.abort();
        return Promise.allSettled([settled]);
      };
      resolve({ believes: () => !signal.aborted, end });
      await once(ending.signal, "abort");
    });
    settled.catch(reject);
  });
}

export const renewing: readonly Renewing[] = [
  {
    name: "redlock 5",
    contestant: redlock5,
    hold: (client, key, ttl) => {
      const redlock = new Redlock([client], { retryCount: 0 });
      return within((routine) => redlock.using([key], ttl, routine));
    },
  },
  {
    name: "redis-semaphore",
    contestant: redisSemaphore,
    hold: async (client, key, ttl) => {
      let lost = false;
      const onLockLost = () => {
        lost = true;
      };
      const mutex = new Mutex(asPeerClient(client), key, { lockTimeout: ttl, onLockLost });
      await mutex.acquire();
      return { believes: () => mutex.isAcquired && !lost, end: () => mutex.release() };
    },
  },
  {
    name: "redlock-universal",
    contestant: redlockUniversalOnIoredis5,
    hold: (client, key, ttl) => {
      const lock = createLock({ adapter: IoredisAdapter.from(asPeerClient(client)), key, ttl });
      return within((routine) => lock.using(routine));
    },
  },
];

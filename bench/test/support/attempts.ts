import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { LockFactory } from "@verrou/core";
import { redisStore } from "@verrou/core/drivers/redis";
import { Mutex } from "redis-semaphore";
import { createLock, IoredisAdapter } from "redlock-universal";
import Redlock from "redlock5";
import { asPeerClient } from "../../src/contestants/clients.ts";
import { TTL } from "../../src/contestants/contestant.ts";

/** A library that is asked for a key three times at most. */
export interface Attempting {
  readonly name: string;
  /** The key of the server that it uses for this one. */
  keyOf(key: string): string;
  /** Whether it got the key. */
  attempt(client: object, key: string): Promise<boolean>;
}

const DELAY = 10;

const succeeded = (acquiring: Promise<unknown>): Promise<boolean> =>
  acquiring.then(
    () => true,
    () => false,
  );

export const redlock5: Attempting = {
  name: "redlock 5",
  keyOf: (key) => key,
  attempt: (client, key) => {
    const redlock = new Redlock([client], { retryCount: 2, retryDelay: DELAY, retryJitter: 0 });
    return succeeded(redlock.acquire([key], TTL));
  },
};

export const redisSemaphore: Attempting = {
  name: "redis-semaphore",
  keyOf: (key) => `mutex:${key}`,
  attempt: (client, key) => {
    const options = { lockTimeout: TTL, acquireAttemptsLimit: 3, retryInterval: DELAY, refreshInterval: 0 };
    return new Mutex(asPeerClient(client), key, options).tryAcquire();
  },
};

export const redlockUniversal: Attempting = {
  name: "redlock-universal",
  keyOf: (key) => key,
  attempt: (client, key) => {
    const adapter = IoredisAdapter.from(asPeerClient(client));
    return succeeded(createLock({ adapter, key, ttl: TTL, retryAttempts: 2, retryDelay: DELAY }).acquire());
  },
};

export const verrou: Attempting = {
  name: "@verrou/core",
  keyOf: (key) => key,
  attempt: (client, key) => {
    const factory = new LockFactory(redisStore({ connection: asPeerClient(client) }).factory());
    return factory.createLock(key, TTL).acquire({ retry: { attempts: 3, delay: DELAY } });
  },
};

export const lockCore: Attempting = {
  name: "@lock/core",
  keyOf: (key) => `lock:{${key}}`,
  attempt: (client, key) => {
    const locks = createLocks({ backend: ioredisBackend(asPeerClient(client)) });
    return succeeded(locks.acquire(key, { ttl: TTL, renew: false }));
  },
};

import { LockFactory } from "@verrou/core";
import { redisStore } from "@verrou/core/drivers/redis";
import type { Redis } from "ioredis5";
import { Mutex } from "redis-semaphore";
import { createLock, IoredisAdapter } from "redlock-universal";
import Redlock, { Lock } from "redlock5";
import { asPeerClient } from "../../src/contestants/clients.ts";
import { TTL } from "../../src/contestants/contestant.ts";

/** A library whose locks can be taken over by what was written down of them. */
export interface Traveller {
  readonly name: string;
  keyOf(key: string): string;
  /** Acquires a lock, has a copy of it extended as another process would, and releases the first. */
  travel(client: Redis, key: string): Promise<unknown>;
}

const asJson = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value));

export const travellers: readonly Traveller[] = [
  {
    name: "redlock 5",
    keyOf: (key) => key,
    travel: async (client, key) => {
      const redlock = new Redlock([client]);
      const lock = await redlock.acquire([key], TTL);
      const { value, expiration } = asJson({ value: lock.value, expiration: lock.expiration });
      await new Lock(redlock, [key], value, [], expiration).extend(TTL);
      await lock.release();
    },
  },
  {
    name: "redis-semaphore",
    keyOf: (key) => `mutex:${key}`,
    travel: async (client, key) => {
      const options = { lockTimeout: TTL, refreshInterval: 0 };
      const mutex = new Mutex(asPeerClient(client), key, options);
      await mutex.acquire();
      const taken = { identifier: mutex.identifier, acquiredExternally: true } as const;
      await new Mutex(asPeerClient(client), key, { ...options, ...taken }).acquire();
      await mutex.release();
    },
  },
  {
    name: "redlock-universal",
    keyOf: (key) => key,
    travel: async (client, key) => {
      const adapter = IoredisAdapter.from(asPeerClient(client));
      const lock = createLock({ adapter, key, ttl: TTL });
      const handle = await lock.acquire();
      await createLock({ adapter, key, ttl: TTL }).extend(asJson(handle), TTL);
      await lock.release(handle);
    },
  },
  {
    name: "@verrou/core",
    keyOf: (key) => key,
    travel: async (client, key) => {
      const factory = new LockFactory(redisStore({ connection: asPeerClient(client) }).factory());
      const lock = factory.createLock(key, TTL);
      await lock.acquire();
      await factory.restoreLock(asJson(lock.serialize())).extend(TTL);
      await lock.release();
    },
  },
];

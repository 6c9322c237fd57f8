import { useRedis } from "@lock/redis-harness/vitest";
import { describe, it } from "vitest";
import { createLocks, type Lockable, type Locks } from "../../src/index.ts";
import {
  backendSuite,
  driverSuite,
  locksSuite,
  modesSuite,
  mutexOf,
  type OpenLocks,
} from "../../src/testing.ts";
import type { ConnectOptions, Library } from "./clients.ts";

/** Tests of a driver cut the connections of all that listen on a server; no other test may be running there. */
export const alone = { describe, it };
export const atOnce = { describe, it: it.concurrent };

/** All suites for one client library. */
export function runRedisSuites({ name, connect }: Library, options: ConnectOptions = {}): void {
  const redis = useRedis();
  const title = options.protocol === undefined ? name : `${name}, RESP${options.protocol}`;

  const openTwo = async () => {
    const clients = await Promise.all([connect(redis.url, options), connect(redis.url, options)]);
    const [one, two] = clients.map((client) => client.backend());
    if (one === undefined || two === undefined) throw new Error("two clients were asked for");
    const close = async () => {
      await Promise.all([one.close(), two.close()]);
      for (const client of clients) client.close();
    };
    return { one, two, close };
  };

  driverSuite({
    api: alone,
    name: title,
    open: async () => {
      const client = await connect(redis.url, options);
      return {
        driver: client.driver,
        killSubscribers: async () => void (await client.command("CLIENT", "KILL", "TYPE", "pubsub")),
        close: async () => client.close(),
      };
    },
  });
  backendSuite({ api: atOnce, name: title, open: openTwo });
  const openLocks = async () => {
    const { one, two, close } = await openTwo();
    return { one: createLocks({ backend: one }), two: createLocks({ backend: two }), close };
  };
  locksSuite({ api: atOnce, name: title, open: openLocks });
  modesSuite({ api: atOnce, name: title, open: openLocks });
  if (options.protocol === undefined) runMutexSuites(title, openLocks);
}

/** The mutex suite on all else that can be one. */
export function runMutexSuites(title: string, open: () => Promise<OpenLocks>): void {
  const mutexes: Record<string, (locks: Locks, key: string) => Lockable> = {
    write: (locks, key) => locks.readWrite(key).write,
    "a semaphore of 1": (locks, key) => locks.semaphore(key, { permits: 1 }),
    "a pool of 1": (locks, key) => locks.pool(key, { size: 1 }),
  };
  for (const [name, lockableOf] of Object.entries(mutexes)) {
    locksSuite({
      api: atOnce,
      name: `${name}, ${title}`,
      open: async () => {
        const { one, two, close } = await open();
        return { one: mutexOf(one, lockableOf), two: mutexOf(two, lockableOf), close };
      },
    });
  }
}

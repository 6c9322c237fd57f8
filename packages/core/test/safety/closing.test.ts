import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../src/contract/clock.ts";
import { createLocks, type Locks } from "../../src/index.ts";
import { libraries, type TestClient } from "../support/clients.ts";

const redis = useRedis();
const COUNT = 300;

/** What is under way when `close` is called; nobody waits for it. */
const ends: Record<string, (locks: Locks, keys: readonly string[]) => Promise<void>> = {
  "releases that nobody awaits": async (locks, keys) => {
    const leases = await Promise.all(keys.map((key) => locks.acquire(key)));
    for (const lease of leases) lease.release().catch(() => undefined);
  },
  "releases of several keys": async (locks, keys) => {
    const leases = await Promise.all(
      keys.map((key, index) => (index % 10 === 0 ? locks.acquire([key, `${key} too`]) : locks.acquire(key))),
    );
    for (const lease of leases) lease.release().catch(() => undefined);
  },
  "releases of readers and permits": async (locks, keys) => {
    const leases = await Promise.all(
      keys.map((key, index) =>
        index % 2 === 0
          ? locks.readWrite(key).read.acquire()
          : locks.semaphore(key, { permits: 2 }).acquire(),
      ),
    );
    for (const lease of leases) lease.release().catch(() => undefined);
  },
  "ends of using": async (locks, keys) => {
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    let inside = 0;
    await new Promise<void>((resolve) => {
      for (const key of keys) {
        const work = async () => {
          inside += 1;
          if (inside === keys.length) resolve();
          await over;
        };
        locks.using(key, work).catch(() => undefined);
      }
    });
    end();
    await Promise.resolve();
  },
  aborts: async (locks, keys) => {
    const controller = new AbortController();
    for (const key of keys) locks.acquire(key, { signal: controller.signal }).catch(() => undefined);
    await new Promise((resume) => setImmediate(resume));
    controller.abort();
  },
  timeouts: async (locks, keys) => {
    await Promise.all(keys.map((key) => locks.acquire(key, { wait: 1 }).catch(() => undefined)));
  },
  "acquires that are not answered yet": async (locks, keys) => {
    for (const key of keys) locks.acquire(key).catch(() => undefined);
    await new Promise((resume) => setImmediate(resume));
  },
};

/** `close` gives up after half a second of a clock that goes slower by this: a busy machine may need more. */
const SLOWER = 40;

const slowClock: Clock = {
  ...systemClock,
  now: () => {
    const { mono, wall } = systemClock.now();
    return { mono: mono / SLOWER, wall };
  },
  setTimer: (fire, ms, keepAlive) => systemClock.setTimer(fire, ms * SLOWER, keepAlive),
};

let tests = 0;

describe.each(newestOrOlder(libraries))(
  "close, and then the client's end, with $name",
  ({ name, connect }) => {
    let admin: TestClient;
    beforeAll(async () => {
      admin = await connect(redis.url);
    });
    afterAll(() => admin.close());

    it.each(Object.keys(ends))(`leaves no key of ${COUNT} behind after %s`, async (end) => {
      const client = await connect(redis.url);
      const prefix = `closing-${tests++}`;
      const locks = createLocks({ backend: client.backend({ clock: slowClock }), prefix });
      await ends[end]?.(
        locks,
        Array.from({ length: COUNT }, (_, index) => `${name} ${end} ${index}`),
      );
      await locks.close();
      client.close();
      const left = (await admin.command("KEYS", `${prefix}:{*}`)) as string[];
      expect(left).toEqual([]);
    });
  },
);

import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisBackend } from "../../src/backends/redis/redis-backend.ts";
import { createLocks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { libraries, type TestClient } from "../support/clients.ts";

const redis = useRedis();

describe.concurrent.each(newestOrOlder(libraries))(
  "the first waiter of a process, with $name",
  ({ name, connect }) => {
    let admin: TestClient;
    beforeAll(async () => {
      admin = await connect(redis.url);
    });
    afterAll(() => admin.close());

    /** A process whose connection for messages is never opened, never subscribes, or cannot be opened. */
    const openings: Record<string, () => Promise<never>> = {
      "is never opened": () => new Promise(() => {}),
      "is refused": () => Promise.reject(new Error("ECONNREFUSED")),
    };

    it.each(Object.keys(openings))(
      "takes a free key although the connection for messages %s",
      async (how) => {
        const client = await connect(redis.url);
        const openSubscriber = openings[how];
        if (openSubscriber === undefined) throw new Error("no such opening");
        const locks = createLocks({ backend: new RedisBackend({ ...client.driver, openSubscriber }) });
        const rivals = createLocks({ backend: admin.backend() });
        const key = `${name} ${how}`;
        const held = await rivals.acquire(key);
        const first = locks.acquire(key, { wait: 4_000 });
        // It has its place from the start: whoever comes later does not overtake it.
        await eventually("a waiter", async () =>
          (await rivals.inspect(key))?.waiting === 1 ? true : undefined,
        );
        const later = rivals.acquire(key, { wait: 10_000 });
        await eventually("two", async () => ((await rivals.inspect(key))?.waiting === 2 ? true : undefined));
        const released = performance.now();
        await held.release();
        const lease = await first;
        // It asks twice while an offer of a second stands.
        expect(performance.now() - released).toBeLessThan(900);
        await lease.release();
        const next = await later;
        expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
        await next.release();
        for (const each of [locks, rivals]) await each.close();
        client.close();
      },
    );
  },
);

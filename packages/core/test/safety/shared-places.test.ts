import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { lockKeys } from "../../src/backends/redis/keys.ts";
import { createLocks } from "../../src/index.ts";
import { libraries } from "../support/clients.ts";

const redis = useRedis();

describe.each(newestOrOlder(libraries))(
  "waiters that share a place in the queue, with $name",
  ({ name, connect }) => {
    it("are counted by others, as they come and go", async () => {
      const [client, other] = [await connect(redis.url), await connect(redis.url)];
      const [locks, rivals] = [
        createLocks({ backend: client.backend() }),
        createLocks({ backend: other.backend() }),
      ];
      const key = `counted ${name}`;
      const held = await rivals.acquire(key);
      const ended = new AbortController();
      const waiting = [locks.acquire(key), locks.acquire(key), locks.acquire(key)];
      const leaving = [1, 2].map(() => locks.acquire(key, { signal: ended.signal }).catch(() => "left"));
      const counts = async () => (await rivals.inspect(key))?.waiters.map(({ count }) => count);
      await expect.poll(counts).toEqual([5]);
      ended.abort();
      expect(await Promise.all(leaving)).toEqual(["left", "left"]);
      await expect.poll(counts).toEqual([3]);
      // A count that has outlived its waiters says nothing.
      const [, , , , holders] = lockKeys({ prefix: "lock", key });
      await other.command("HSET", holders, "waiters gone", "9");
      expect((await rivals.inspect(key))?.waiting).toBe(3);
      await held.release();
      const tokens: number[] = [];
      for (const acquiring of waiting) {
        const lease = await acquiring;
        tokens.push(lease.fencingToken);
        await lease.release();
      }
      expect(tokens.toSorted((a, b) => a - b)).toEqual(tokens);
      // The counter stands at the last token that was used.
      const next = await rivals.acquire(key);
      expect(next.fencingToken).toBeGreaterThan(Math.max(...tokens));
      await next.release();
      for (const each of [locks, rivals]) await each.close();
      for (const each of [client, other]) each.close();
    });
  },
);

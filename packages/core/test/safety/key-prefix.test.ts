import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { createLocks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { libraries } from "../support/clients.ts";

const redis = useRedis();

describe("a key prefix of the client", () => {
  // node-redis 5 has none.
  it.each(newestOrOlder(libraries).filter(({ name }) => name !== "node-redis 5"))(
    "$name: wake-up, inspect and list work with it",
    async ({ connect }) => {
      const client = await connect(redis.url, { client: { keyPrefix: "app[1]:" } });
      const [a, b] = [createLocks({ backend: client.backend() }), createLocks({ backend: client.backend() })];
      const lease = await a.acquire("prefixed");
      const start = performance.now();
      const waiting = b.acquire("prefixed");
      await eventually("a waiter", async () =>
        (await a.inspect("prefixed"))?.waiting === 1 ? true : undefined,
      );
      const keys: string[] = [];
      for await (const state of a.list()) keys.push(state.key);
      expect(keys).toEqual(["prefixed"]);
      await lease.release();
      await (await waiting).release();
      // By message: the fallback would ask only after a second.
      expect(performance.now() - start).toBeLessThan(900);
      await a.close();
      await b.close();
      client.close();
    },
  );
});

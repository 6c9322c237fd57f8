import { type FaultyProxy, startFaultyProxy } from "@lock/redis-harness";
import { useRedis } from "@lock/redis-harness/vitest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLocks, type Locks } from "../../src/index.ts";
import { ioredis6, type TestClient } from "../support/clients.ts";

const pause = (ms: number) => new Promise((resume) => setTimeout(resume, ms));

/** What an acquire may take longer than its `wait`, in milliseconds. */
const GRACE = 1_000;

describe("an acquire over a slow line", () => {
  const redis = useRedis();
  let proxy: FaultyProxy;
  let client: TestClient;
  let locks: Locks;
  beforeEach(async () => {
    proxy = await startFaultyProxy({ host: "127.0.0.1", port: Number(new URL(redis.url).port) });
    client = await ioredis6.connect(proxy.url);
    await client.command("PING");
    locks = createLocks({ backend: client.backend() });
  });
  afterEach(async () => {
    proxy.heal();
    await locks.close();
    client.close();
    await proxy.stop();
  });

  const timed = async (work: Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await work.then(
      () => undefined,
      () => undefined,
    );
    return performance.now() - start;
  };

  it("asks for the server's time and for the key within one requestTimeout", async () => {
    await using near = await other(redis.url);
    await near.locks.using("known", () => undefined);
    proxy.delay(930);
    expect(await timed(locks.acquire("slow", { wait: 2_050 }))).toBeLessThan(2_050 + GRACE);
  });

  it.each([
    ["time is over", { wait: 300 }, undefined],
    ["caller gives up", { wait: 30_000 }, 200],
  ])(
    "settles when its %s, though a grant that was too late cannot be given back",
    async (_, wait, giveUp) => {
      await locks.using("warm", () => undefined);
      proxy.delay(40);
      const signal = giveUp === undefined ? undefined : AbortSignal.timeout(giveUp);
      const settled = timed(locks.acquire("late", { ...wait, ttl: 20, signal }));
      // An answer has come by then, and not the next one.
      await pause(95);
      proxy.blackhole();
      expect(await settled).toBeLessThan((giveUp ?? wait.wait) + GRACE);
    },
  );
});

async function other(url: string) {
  const client = await ioredis6.connect(url);
  const locks = createLocks({ backend: client.backend() });
  return {
    locks,
    [Symbol.asyncDispose]: async () => {
      await locks.close();
      client.close();
    },
  };
}

import { startFaultyProxy } from "@lock/redis-harness";
import { useRedis } from "@lock/redis-harness/vitest";
import { expect, it } from "vitest";
import { createLocks, LockBackendError } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, nodeRedis6 } from "../support/clients.ts";

const redis = useRedis();

/** Without these, the clients themselves would send it again. */
const libraries = [
  { library: ioredis6, client: { maxRetriesPerRequest: 0, enableOfflineQueue: false } },
  { library: nodeRedis6, client: { disableOfflineQueue: true } },
];

for (const { library, client } of libraries) {
  it.concurrent(`a release that found no server frees the key as soon as there is one, ${library.name}`, async () => {
    await using proxy = await startFaultyProxy(redis.server);
    const [near, far] = [await library.connect(redis.url), await library.connect(proxy.url, { client })];
    const locks = createLocks({ backend: far.backend({ requestTimeout: 300 }) });
    const others = createLocks({ backend: near.backend() });
    await eventually("a connection", () => far.command("PING").catch(() => undefined));
    const key = `late ${library.name}`;
    const lease = await locks.acquire(key, { ttl: 3_600_000 });
    proxy.refuse();
    await expect(lease.release()).rejects.toMatchObject({ code: "LOCK_BACKEND" });
    expect((await others.inspect(key))?.holding).toBe(1);
    proxy.heal();
    await (await others.acquire(key, { wait: 30_000 })).release();
    await locks.close();
    await others.close();
    for (const client of [near, far]) client.close();
  });

  it.concurrent(`nothing is to be undone of a request that was never sent, ${library.name}`, async () => {
    await using proxy = await startFaultyProxy(redis.server);
    const far = await library.connect(proxy.url, { client });
    const locks = createLocks({ backend: far.backend({ requestTimeout: 300 }) });
    await eventually("a connection", () => far.command("PING").catch(() => undefined));
    proxy.refuse();
    await eventually("it is known that it was not sent", async () => {
      const error: unknown = await locks.tryAcquire("unsent").catch((error: unknown) => error);
      expect(error).toMatchObject({ code: "LOCK_BACKEND", retryable: true });
      return error instanceof LockBackendError && !error.ambiguous ? true : undefined;
    });
    await locks.close();
    far.close();
  });
}

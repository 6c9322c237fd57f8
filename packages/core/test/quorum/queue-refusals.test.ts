import { useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisBackend } from "../../src/backends/redis/redis-backend.ts";
import { createLocks } from "../../src/index.ts";
import { quorumBackend } from "../../src/quorum.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6 } from "../support/clients.ts";
import { useNodes } from "../support/quorum.ts";

const nodes = useNodes(3);
const single = useRedis();

/** Refusals that leave no doubt that nothing was done. */
const REFUSALS = [
  "OOM command not allowed when used memory > 'maxmemory'.",
  "NOPERM this user has no permissions to run the 'evalsha' command",
  "LOADING Redis is loading the dataset in memory",
  "Stream isn't writeable and enableOfflineQueue options is false",
];

/** A process whose requests to its first server are refused while `state.refusal` says so. */
async function open(urls: readonly string[]) {
  const clients = await Promise.all(urls.map((url) => ioredis6.connect(url)));
  const state: { refusal: string | undefined } = { refusal: undefined };
  const backends = clients.map(({ driver }, index) => {
    if (index > 0) return new RedisBackend(driver);
    const orRefused = <Call extends readonly unknown[]>(run: (...call: Call) => Promise<unknown>) => {
      return (...call: Call) =>
        state.refusal === undefined ? run(...call) : Promise.reject(new Error(state.refusal));
    };
    return new RedisBackend({ ...driver, evalsha: orRefused(driver.evalsha), eval: orRefused(driver.eval) });
  });
  const [first] = backends;
  if (first === undefined) throw new Error("no server");
  const backend = backends.length === 1 ? first : quorumBackend(backends);
  const locks = createLocks({ backend });
  const close = async () => {
    await locks.close();
    for (const client of clients) client.close();
  };
  return { locks, state, close };
}

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

let before = 0;
beforeAll(() => {
  before = timers();
});
// Of none of the tests, which run at once.
afterAll(() => eventually("no timer is left", () => (timers() <= before ? true : undefined)));

describe.concurrent.each([
  ["a quorum", () => nodes.urls],
  ["a single server", () => [single.url]],
] as const)("a waiter of %s whose question was refused", (name, urls) => {
  it.each(REFUSALS)(
    "and that gives up then is not in the way of the next of its process: %s",
    async (refusal) => {
      const key = `${name} ${refusal.slice(0, 6)}`;
      const [rival, process] = [await open(urls()), await open(urls())];
      const held = await rival.locks.acquire(key);
      const isWaiting = (count: number) =>
        eventually(`${count} waiting`, async () =>
          (await rival.locks.inspect(key))?.waiting === count ? true : undefined,
        );
      const first = process.locks.acquire(key, { wait: 1_500 }).catch((error: unknown) => error);
      await isWaiting(1);
      // With another ttl it has a place of its own.
      const second = process.locks.acquire(key, { wait: 30_000, ttl: 20_000 });
      await isWaiting(2);
      process.state.refusal = refusal;
      expect(await first).toBeInstanceOf(Error);
      process.state.refusal = undefined;
      await isWaiting(1);
      const start = performance.now();
      await held.release();
      await (await second).release();
      expect(performance.now() - start).toBeLessThan(5_000);
      await process.close();
      await rival.close();
    },
  );
});

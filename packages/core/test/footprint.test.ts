import { startRedis } from "@lock/redis-harness";
import { Redis } from "ioredis";
import { expect, it } from "vitest";
import { createLocks, type Lease } from "../src/index.ts";
import { ioredisBackend } from "../src/ioredis.ts";

/** What `docs/recipes.md` says of the memory that locks take on a server, in bytes. */
const MOST = { lock: 300, counter: 200, waiter: 300 };
const COUNT = 5_000;

it("locks, their counters and their waiters take no more memory on the server than the docs say", async () => {
  await using server = await startRedis();
  const client = new Redis(server.url);
  const locks = createLocks({ backend: ioredisBackend(client) });
  const memory = async () => Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1]);
  const grown = async (work: () => Promise<unknown>) => {
    const before = await memory();
    await work();
    return ((await memory()) - before) / COUNT;
  };
  const keys = Array.from({ length: COUNT }, (_, n) => `order:${String(n).padStart(14, "0")}`);
  let leases: Lease[] = [];
  const first = "busy".padEnd(20, ".");
  // What a server takes once, for scripts and clients, is no part of a lock.
  await (await locks.acquire(first)).release();
  const held = await grown(async () => {
    leases = await Promise.all(keys.map((key) => locks.acquire(key)));
  });
  const lock = -(await grown(() => Promise.all(leases.map((lease) => lease.release()))));
  const counter = held - lock;
  await locks.acquire(first);
  const waiting: Promise<Lease>[] = [];
  const waiter = await grown(async () => {
    waiting.push(...keys.map(() => locks.acquire(first, { wait: "forever" })));
    await expect.poll(async () => (await locks.inspect(first))?.waiting).toBe(COUNT);
  });
  console.info(`a lock ${lock}, its counter ${counter}, a waiter ${waiter} bytes`);
  expect(lock).toBeGreaterThan(0);
  expect(lock).toBeLessThanOrEqual(MOST.lock);
  expect(counter).toBeGreaterThan(0);
  expect(counter).toBeLessThanOrEqual(MOST.counter);
  expect(waiter).toBeGreaterThan(0);
  expect(waiter).toBeLessThanOrEqual(MOST.waiter);
  const ended = Promise.allSettled(waiting);
  await locks.close();
  await ended;
  client.disconnect();
});

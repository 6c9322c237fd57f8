import { useRedis } from "@lock/redis-harness/vitest";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { createLocks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { Child } from "../support/child.ts";
import { ioredis6, type TestClient } from "../support/clients.ts";
import { expectNothingLeft } from "../support/leftovers.ts";

const redis = useRedis();
const children: Child[] = [];
let admin: TestClient;
beforeAll(async () => {
  admin = await ioredis6.connect(redis.url);
});
afterAll(() => admin.close());
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.ended(true)));
});

const EACH = 5_000;
/** How many share a place in the queue at most. */
const SHARE = 64;
const CROWD = { key: "crowded", ttl: 900_000, wait: 800_000 };

it(`${2 * EACH} waiters in 2 processes: served in order, with few places in the queue, 2 connections and 700 bytes of heap a waiter`, async () => {
  const locks = createLocks({ backend: admin.backend() });
  const lease = await locks.acquire("crowded", { ttl: 900_000 });
  const before = await connections();
  const processes = await Promise.all(
    (["ioredis", "node-redis"] as const).map((library) => Child.start(redis.url, library)),
  );
  children.push(...processes);
  const served = (of: string) =>
    processes.flatMap(({ events }) => events.filter(({ event, key }) => event === "served" && key === of));
  const waiting = (count: number) =>
    eventually(
      `${count} waiters`,
      async () => ((await locks.inspect("crowded"))?.waiting === count ? true : undefined),
      120_000,
    );
  // The first waiter of a process brings what all of them share.
  for (const [index, child] of processes.entries()) {
    await child.ask("crowd", { ...CROWD, count: 1 });
    await waiting(index + 1);
  }
  // What runs for the first time makes the heap of a process grow by its code.
  const warm = { key: "warm", count: 2_000, ttl: 10_000, wait: 60_000 };
  for (const child of processes) await child.ask("crowd", warm);
  await eventually(
    "warm processes",
    () => (served("warm").length === 2 * warm.count ? true : undefined),
    60_000,
  );
  const heap = (child: Child) => child.ask("heap") as Promise<number>;
  const bare: number[] = [];
  for (const child of processes) {
    const start = await heap(child);
    await child.ask("bare", { count: EACH - 1 });
    bare.push((await heap(child)) - start);
  }
  const heapBefore = await Promise.all(processes.map(heap));
  const asked = performance.now();
  for (const child of processes) await child.ask("crowd", { ...CROWD, count: EACH - 1 });
  const windows = Math.ceil((performance.now() - asked) / 30);
  await waiting(2 * EACH);
  // What is under way for a moment, such as the questions of all of them in one batch, is no part of a waiter.
  for (const [index, child] of processes.entries()) {
    await eventually(`700 bytes of heap a waiter in process ${index + 1}`, async () => {
      const grown = (await heap(child)) - (heapBefore[index] ?? 0) - (bare[index] ?? 0);
      return grown / (EACH - 1) < 700 ? true : undefined;
    });
  }
  expect((await connections()) - before).toBe(4);

  const queue = (await admin.command("ZRANGE", "lock:{crowded}:queue", "0", "-1")) as string[];
  expect(queue.length).toBeLessThanOrEqual(2 * (1 + Math.ceil(EACH / SHARE)) + windows);
  await lease.release();
  await eventually("all served", () => (served("crowded").length === 2 * EACH ? true : undefined), 300_000);
  const order = served("crowded").toSorted((a, b) => a.fencingToken - b.fencingToken);
  expect([...new Set(order.map(({ token }) => token))]).toEqual(queue.map((member) => member.slice(0, 8)));
  expect(new Set(order.map(({ fencingToken }) => fencingToken)).size).toBe(2 * EACH);
  await locks.close();
  await expectNothingLeft(admin, 1_000);
}, 900_000);

async function connections(): Promise<number> {
  return String(await admin.command("CLIENT", "LIST"))
    .trim()
    .split("\n").length;
}

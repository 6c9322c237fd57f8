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

it(`${2 * EACH} waiters in 2 processes: served in order, 2 connections and 1.5 KB of heap a waiter at most`, async () => {
  const locks = createLocks({ backend: admin.backend() });
  const lease = await locks.acquire("crowded", { ttl: 900_000 });
  const before = await connections();
  const processes = await Promise.all(
    (["ioredis", "node-redis"] as const).map((library) => Child.start(redis.url, library)),
  );
  children.push(...processes);
  const waiting = (count: number) =>
    eventually(
      `${count} waiters`,
      async () => ((await locks.inspect("crowded"))?.waiting === count ? true : undefined),
      120_000,
    );
  // The first waiter of a process brings what all of them share.
  for (const [index, child] of processes.entries()) {
    await child.ask("crowd", { key: "crowded", count: 1, ttl: 900_000 });
    await waiting(index + 1);
  }
  const heapBefore = await Promise.all(processes.map((child) => child.ask("heap") as Promise<number>));
  for (const child of processes) await child.ask("crowd", { key: "crowded", count: EACH - 1, ttl: 900_000 });
  await waiting(2 * EACH);
  // What is under way for a moment, such as the questions of all of them in one batch, is no part of a waiter.
  for (const [index, child] of processes.entries()) {
    await eventually(`1.5 KB of heap a waiter in process ${index + 1}`, async () => {
      const grown = ((await child.ask("heap")) as number) - (heapBefore[index] ?? 0);
      return grown / (EACH - 1) < 1_500 ? true : undefined;
    });
  }
  expect((await connections()) - before).toBe(4);

  const queue = (await admin.command("ZRANGE", "lock:{crowded}:queue", "0", "-1")) as string[];
  await lease.release();
  const served = () => processes.flatMap(({ events }) => events.filter(({ event }) => event === "served"));
  await eventually("all served", () => (served().length === 2 * EACH ? true : undefined), 300_000);
  const order = served().toSorted((a, b) => a.fencingToken - b.fencingToken);
  expect(order.map(({ token }) => token)).toEqual(queue.map((member) => member.slice(0, 8)));
  expect(new Set(order.map(({ fencingToken }) => fencingToken)).size).toBe(2 * EACH);
  await locks.close();
  await expectNothingLeft(admin, 1_000);
}, 900_000);

async function connections(): Promise<number> {
  return String(await admin.command("CLIENT", "LIST"))
    .trim()
    .split("\n").length;
}

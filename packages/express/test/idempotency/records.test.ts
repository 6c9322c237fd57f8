import { useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { describe, expect, it } from "vitest";
import {
  inProcessRecords,
  ioredisRecords,
  nodeRedisRecords,
  type RecordStore,
} from "../../src/idempotent.ts";

const redis = useRedis();

interface OpenStore {
  readonly store: RecordStore;
  close(): Promise<unknown>;
}

const stores: { readonly name: string; open(): Promise<OpenStore> }[] = [
  {
    name: "in process",
    open: async () => ({ store: inProcessRecords(), close: async () => undefined }),
  },
  {
    name: "ioredis",
    open: async () => {
      const client = new Redis(redis.url);
      return { store: ioredisRecords(client), close: () => client.quit() };
    },
  },
  {
    name: "node-redis",
    open: async () => {
      const client = createClient({ url: redis.url });
      await client.connect();
      return { store: nodeRedisRecords(client, { prefix: "answers" }), close: async () => client.destroy() };
    },
  },
];

describe.each(stores)("records: $name", ({ open }) => {
  it("keeps the first record of an id, and no longer than it is told", async () => {
    const { store, close } = await open();
    expect(await store.read("a")).toBeNull();
    await store.write("a", "first", 300);
    await store.write("a", "second", 60_000);
    await store.write("b", "other", 60_000);
    expect([await store.read("a"), await store.read("b")]).toEqual(["first", "other"]);
    await expect.poll(() => store.read("a")).toBeNull();
    await store.write("a", "third", 60_000);
    expect([await store.read("a"), await store.read("b")]).toEqual(["third", "other"]);
    await close();
  });
});

it("leaves nothing in Redis without an end", async () => {
  const client = new Redis(redis.url);
  await ioredisRecords(client, { prefix: "mine" }).write("id", "record", 5_000);
  expect(await client.pttl("mine:id")).toBeGreaterThan(0);
  await client.quit();
});

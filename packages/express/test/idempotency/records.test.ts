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
import { recordsSuite } from "../../src/testing.ts";

const redis = useRedis();
/** One after the other: some records last for no more than a busy process may take to read them. */
const api = { describe, it };
let stores = 0;
const prefix = () => `records-${++stores}`;

recordsSuite({
  api: { describe: describe.concurrent, it },
  name: "in process",
  open: async () => ({ records: inProcessRecords(), close: async () => undefined }),
});

recordsSuite({
  api,
  name: "ioredis",
  open: async () => {
    const client = new Redis(redis.url);
    return { records: ioredisRecords(client, { prefix: prefix() }), close: () => client.quit() };
  },
});

recordsSuite({
  api,
  name: "node-redis",
  open: async () => {
    const client = createClient({ url: redis.url });
    await client.connect();
    return { records: nodeRedisRecords(client, { prefix: prefix() }), close: async () => client.destroy() };
  },
});

/** The titles of the suite that a store fails. */
async function failedBy(records: () => RecordStore): Promise<string[]> {
  const tests: [string, () => Promise<void>][] = [];
  const collect = {
    describe: (_name: string, body: () => void) => body(),
    it: (title: string, body: () => Promise<void>) => void tests.push([title, body]),
  };
  recordsSuite({
    api: collect,
    name: "broken",
    open: async () => ({ records: records(), close: async () => undefined }),
  });
  const failed = await Promise.all(
    tests.map(([title, body]) =>
      body().then(
        () => [],
        () => [title],
      ),
    ),
  );
  return failed.flat();
}

describe.concurrent("the suite of records", () => {
  const FIRST = "keeps the first record: another write changes neither it nor its time";
  const MANY = "keeps the first of many that come at once";

  it("finds nothing wrong with a store that keeps the contract", async () => {
    expect(await failedBy(inProcessRecords)).toEqual([]);
  });

  it.each<[string, (real: RecordStore, kept: Map<string, string>) => RecordStore, string[]]>([
    [
      "whose write overwrites",
      (real, kept) => ({
        read: async (id) => kept.get(id) ?? real.read(id),
        write: async (id, record) => void kept.set(id, record),
      }),
      [FIRST, "forgets a record after its time, and takes another one then"],
    ],
    [
      "that looks before it writes",
      (real, kept) => ({
        read: async (id) => ((await real.read(id)) === null ? null : (kept.get(id) ?? null)),
        write: async (id, record, keepFor) => {
          if ((await real.read(id)) !== null) return;
          // As a store does that is somewhere else.
          for (let turn = 0; turn < record.length; turn++) await undefined;
          await real.write(id, record, keepFor);
          kept.set(id, record);
        },
      }),
      [MANY],
    ],
    [
      "that keeps records for ever",
      (real) => ({ ...real, write: (id, record) => real.write(id, record, 3_600_000) }),
      [FIRST, "forgets a record after its time, and takes another one then"],
    ],
    [
      "that says undefined for nothing",
      (real) => ({ ...real, read: async (id) => (await real.read(id)) ?? (undefined as unknown as null) }),
      ["has no record at first, and tells so by null"],
    ],
    [
      "that replaces whatever is there",
      (real) => ({
        ...real,
        replace: async (id, _old, record, keepFor) => {
          const there = await real.read(id);
          return there !== null && (real.replace?.(id, there, record, keepFor) ?? false);
        },
      }),
      ["leaves another record alone, and says so"],
    ],
    [
      "that looks before it replaces",
      (real) => ({
        ...real,
        replace: async (id, old, record, keepFor) => {
          if ((await real.read(id)) !== old) return false;
          for (let turn = 0; turn < 10 * Number(record?.slice(4)); turn++) await undefined;
          const there = (await real.read(id)) ?? "";
          return (await real.replace?.(id, there, record, keepFor)) ?? false;
        },
      }),
      ["lets one of many that come at once replace it"],
    ],
  ])("finds a store %s", async (_what, broken, titles) => {
    expect(await failedBy(() => broken(inProcessRecords(), new Map()))).toEqual(
      expect.arrayContaining(titles),
    );
  });
});

it("leaves nothing in Redis without an end", async () => {
  const client = new Redis(redis.url);
  const records = ioredisRecords(client, { prefix: "mine" });
  await records.write("id", "record", 5_000);
  expect(await client.pttl("mine:id")).toBeGreaterThan(0);
  await records.replace?.("id", "record", "other", 5_000);
  expect(await client.get("mine:id")).toBe("other");
  expect(await client.pttl("mine:id")).toBeGreaterThan(0);
  await client.quit();
});

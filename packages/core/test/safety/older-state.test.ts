import { useRedis } from "@lock/redis-harness/vitest";
import { expect, it } from "vitest";
import { type AcquireOptions, createLocks, type Lease, type Locks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6 } from "../support/clients.ts";

const redis = useRedis();

let scenes = 0;
const KEYS = ["a", "b"] as const;
type Acquire = (locks: Locks, options: AcquireOptions) => Promise<Lease>;

const ways: readonly (readonly [title: string, keys: readonly string[], acquire: Acquire])[] = [
  ["a key", ["a"], (locks, options) => locks.acquire("a", options)],
  ["a key to read", ["a"], (locks, options) => locks.readWrite("a").read.acquire(options)],
  ["a permit", ["a"], (locks, options) => locks.semaphore("a", { permits: 1 }).acquire(options)],
  ["a slot", ["a"], (locks, options) => locks.pool("a", { size: 1 }).acquire(options)],
  ["several keys", KEYS, (locks, options) => locks.acquire(KEYS, options)],
  ["several keys to read", KEYS, (locks, options) => locks.readWrite(KEYS).read.acquire(options)],
  ["several keys to write", KEYS, (locks, options) => locks.readWrite(KEYS).write.acquire(options)],
];

const places = ways.flatMap(([title, keys, acquire]) => [
  { title, keys, acquire, where: "in line", from: 0 },
  ...(keys.length > 1 ? [{ title, keys, acquire, where: "in one of its lines", from: 1 }] : []),
]);

it.concurrent.for(places)(
  "waits for $title although a server with an older state still has it $where",
  async ({ keys, acquire, from }, { onTestFinished }) => {
    const client = await ioredis6.connect(redis.url);
    onTestFinished(() => client.close());
    const prefix = `older-${++scenes}`;
    const [one, two] = [1, 2].map(() => createLocks({ backend: client.backend(), prefix }));
    if (one === undefined || two === undefined) throw new Error("two were asked for");
    onTestFinished(() => Promise.all([one.close(), two.close()]).then(() => undefined));
    const queues = keys.map((key) => `${prefix}:{${key}}:queue`);
    const line = async (queue: string) =>
      String(await client.command("ZRANGE", queue, "0", "-1", "WITHSCORES"));
    const lines = () => Promise.all(queues.map(line));

    const held = await Promise.all(keys.map((key) => two.acquire(key)));
    const waiting = acquire(one, { wait: 20_000 });
    await eventually("it stands in line", async () => !(await lines()).includes("") || undefined);
    const before = await lines();
    await Promise.all(held.map((lease) => lease.release()));
    await (await waiting).release();

    for (const [index, queue] of queues.entries()) {
      const [member = "", score = ""] = before[index]?.split(/,(?=\d+$)/) ?? [];
      if (index >= from) await client.command("ZADD", queue, score, member);
    }
    const lease = await acquire(one, { wait: 10_000 });
    expect(await lease.release()).toBe("released");
    const next = await two.acquire([...keys], { wait: 10_000 });
    expect(await next.release()).toBe("released");
    expect(await lines()).toEqual(queues.map(() => ""));
  },
);

import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLocks, type Lockable, type Locks } from "../src/index.ts";
import { libraries, type TestClient } from "./support/clients.ts";

const redis = useRedis();

type Way = (locks: Locks, key: string, turn: number) => Lockable;

const ways: Record<string, Way> = {
  exclusive: (locks, key) => locks.readWrite(key).write,
  "readers and writers": (locks, key, turn) => locks.readWrite(key)[turn % 3 === 0 ? "write" : "read"],
  "a semaphore of 3": (locks, key) => locks.semaphore(key, { permits: 3 }),
  "a pool of 3": (locks, key) => locks.pool(key, { size: 3 }),
  "three of five keys": (locks, key, turn) =>
    locks.readWrite([0, 1, 2].map((step) => `${key} ${(turn * (step + 1) + step) % 5}`)).write,
};

const TURNS = 10;
const WORKERS = 5;

describe.each(newestOrOlder(libraries))(
  "commands of an acquisition, contended, with $name",
  ({ name, connect }) => {
    let admin: TestClient;
    beforeAll(async () => {
      admin = await connect(redis.url);
    });
    afterAll(() => admin.close());

    /** Script calls that clients sent. */
    const commands = async (): Promise<number> => {
      const stats = String(await admin.command("INFO", "commandstats"));
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };

    it.each(Object.entries(ways))("%s", async (way, lockOf) => {
      const clients = await Promise.all([connect(redis.url), connect(redis.url)]);
      const all = clients.map((client) => createLocks({ backend: client.backend() }));
      const key = `${name} ${way}`;
      const worker = async (locks: Locks, index: number) => {
        for (let turn = 0; turn < TURNS; turn++) {
          await lockOf(locks, key, index * TURNS + turn).using({ wait: "forever" }, async () => {
            await new Promise((resume) => setTimeout(resume, 1));
          });
        }
      };
      const crowd = () =>
        Promise.all(
          all.flatMap((locks, process) =>
            Array.from({ length: WORKERS }, (_, index) => worker(locks, process * WORKERS + index)),
          ),
        );
      // The first contention of a process opens its subscriber.
      await crowd();
      const before = await commands();
      await crowd();
      const each = ((await commands()) - before) / (2 * WORKERS * TURNS);
      console.log(way, each);
      // Acquire, claim what was offered, release.
      expect(each).toBeLessThanOrEqual(3.2);
      for (const locks of all) await locks.close();
      for (const client of clients) client.close();
    });
  },
);

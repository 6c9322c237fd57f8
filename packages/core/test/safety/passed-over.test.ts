import { type FaultyProxy, startFaultyProxy } from "@lock/redis-harness";
import { useRedis } from "@lock/redis-harness/vitest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLocks, type Lease, type Locks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, type TestClient } from "../support/clients.ts";

const redis = useRedis();

/** One waits in front that others may pass; where messages are lost, these are told in vain. */
describe("a waiter behind one that it may pass", () => {
  let proxy: FaultyProxy;
  let clients: TestClient[];
  let one: Locks;
  let two: Locks;
  beforeEach(async () => {
    proxy = await startFaultyProxy(redis.server);
    clients = [await ioredis6.connect(redis.url), await ioredis6.connect(proxy.url)];
    const [first, second] = clients.map((client) => createLocks({ backend: client.backend() }));
    if (first === undefined || second === undefined) throw new Error("two clients were asked for");
    [one, two] = [first, second];
  });
  afterEach(async () => {
    await Promise.all([one.close(), two.close()]);
    for (const client of clients) client.close();
    await proxy.stop();
  });

  const waiting = (key: string, count: number) =>
    eventually(`${count} waiters`, async () =>
      (await one.inspect(key))?.waiting === count ? true : undefined,
    );

  interface Scene {
    readonly key: string;
    /** Waits in front, for what stays taken. */
    readonly front: Promise<Lease>;
    readonly behind: Promise<Lease>;
    /** Makes room for the one behind. */
    free(): Promise<unknown>;
    /** Makes room for the one in front, too. */
    end(): Promise<unknown>;
  }

  const scenes: Record<string, () => Promise<Scene>> = {
    "with another slot": async () => {
      const [first, second] = [one, two].map((locks) => locks.pool("pool", { size: 2 }));
      if (first === undefined || second === undefined) throw new Error("two were asked for");
      const [s1, s2] = [await first.acquire({ slot: 1 }), await first.acquire({ slot: 2 })];
      const front = second.acquire({ slot: 1, wait: 20_000 });
      await waiting("pool", 1);
      const behind = second.acquire({ wait: 10_000 });
      return { key: "pool", front, behind, free: () => s2.release(), end: () => s1.release() };
    },
    "that reads one of its keys": async () => {
      const [writerA, writerB] = [await one.acquire("a"), await one.acquire("b")];
      const front = two.readWrite(["a", "b"]).read.acquire({ wait: 20_000 });
      await waiting("a", 1);
      const behind = two.readWrite("a").read.acquire({ wait: 10_000 });
      return { key: "a", front, behind, free: () => writerA.release(), end: () => writerB.release() };
    },
  };

  it.each(
    Object.keys(scenes).flatMap((title) => [
      [title, "its messages are lost"] as const,
      [title, "its connection was made anew"] as const,
    ]),
  )("%s gets what is free although %s", async (title, how) => {
    if (how === "its messages are lost") proxy.dropMessages(true);
    const { key, front, behind, free, end } = (await scenes[title]?.()) ?? {};
    if (!key || !front || !behind || !free || !end) throw new Error("no such scene");
    await waiting(key, 2);
    if (how === "its connection was made anew") await clients[0]?.command("CLIENT", "KILL", "TYPE", "pubsub");
    await free();
    expect(await (await behind).release()).toBe("released");
    await end();
    expect(await (await front).release()).toBe("released");
  });
});

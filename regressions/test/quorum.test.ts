import { LockUsageError } from "@lock/core";
import { type FaultyProxy, type RedisNodes, startFaultyProxy, startRedisNodes } from "@lock/redis-harness";
import { afterAll, beforeAll, describe, it } from "vitest";
import { eventually, failure } from "./support/await.ts";
import { closeMembers, openMember } from "./support/quorum.ts";

let three: RedisNodes;
beforeAll(async () => {
  three = await startRedisNodes(3);
});
afterAll(async () => {
  await closeMembers();
  await three.stop();
});
const urls = () => three.nodes.map(({ url }) => url);

describe.concurrent("a quorum", () => {
  it("redlock 5: an even number of nodes that split 1-1 goes on forever", async ({ expect }) => {
    const even = urls().slice(0, 2);
    const [one, two] = [openMember(even, "even"), openMember(even, "even")];
    await one.locks.using("key", () => undefined);
    // Somebody else has one of the two votes, which ends by itself.
    await two.clients[1]?.set("even:{key}", "a vote of another", "PX", 60_000);
    expect(await failure(one.locks.acquire("key", { wait: 100 }))).toMatchObject({ code: "LOCK_TIMEOUT" });
    await two.clients[1]?.pexpire("even:{key}", 700);
    const start = performance.now();
    const waits = [one, two].map(({ locks }) => locks.using("key", { wait: 20_000 }, () => "worked"));
    expect(await Promise.all(waits)).toEqual(["worked", "worked"]);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it("redlock 5: three contenders on three healthy nodes take their own votes for a rival's, and all fail", async ({
    expect,
  }) => {
    const members = [1, 2, 3].map(() => openMember(urls(), "contended"));
    const fences: number[] = [];
    for (let round = 0; round < 5; round++) {
      const work = members.map(({ locks }) =>
        locks.using("key", ({ fencingToken }) => fences.push(fencingToken)),
      );
      await Promise.all(work);
    }
    expect(fences).toEqual([...new Set(fences)].toSorted((a, b) => a - b));
    expect(fences).toHaveLength(15);
  });

  it("redlock 5, redis-semaphore: a lock is granted although it ended before the answers came, at -381 ms", async ({
    expect,
  }) => {
    const proxies: FaultyProxy[] = await Promise.all(three.nodes.map((node) => startFaultyProxy(node)));
    const [far, near] = [
      openMember(
        proxies.map(({ url }) => url),
        "late",
      ),
      openMember(urls(), "late"),
    ];
    await far.locks.using("key", () => undefined);
    for (const proxy of proxies) proxy.delay(150);
    expect(await failure(far.locks.acquire("key", { ttl: 200, wait: 600 }))).toMatchObject({
      code: expect.stringMatching(/^LOCK_/),
    });
    for (const proxy of proxies) proxy.delay(0);
    await near.locks.using("key", (lease) => lease.assertHeld());
    const lease = await far.locks.acquire("key", { ttl: 1_000 });
    expect(lease.validFor).toBeGreaterThan(0);
    await lease.release();
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  });

  it("redis-semaphore: a semaphore of 2 on a quorum has three holders", ({ expect }) => {
    const { locks } = openMember(urls(), "permits");
    // @ts-expect-error: a quorum has no semaphores
    expect(() => locks.semaphore("key", { permits: 2 })).toThrow(LockUsageError);
  });

  it("redlock-universal: five databases of one server pass for five nodes", async ({ expect }) => {
    const [url] = urls();
    const { locks } = openMember(
      [0, 1, 2, 3, 4].map((database) => `${url}/${database}`),
      "databases",
    );
    const refusal = await failure(locks.acquire("key", { wait: 5_000 }));
    expect(refusal).toBeInstanceOf(LockUsageError);
    expect(String(refusal)).toContain("same server");
  });

  it("go-redsync/redsync#149: nodes that restarted are never taken again, and one by one the lease loses them all", async ({
    expect,
  }) => {
    await using nodes = await startRedisNodes(3);
    const { locks, clients, close } = openMember(
      nodes.nodes.map(({ url }) => url),
      "rolling",
      { maxTtl: 2_000 },
    );
    const lease = await locks.acquire("key", { ttl: 2_000 });
    const isEverywhere = async () => {
      const there = await Promise.all(clients.map((client) => client.exists("rolling:{key}").catch(() => 0)));
      return !there.includes(0);
    };
    await eventually("on all nodes", isEverywhere);
    // Without the first it needs the second.
    for (const node of nodes.nodes.slice(0, 2)) {
      await node.restart({ empty: true });
      await eventually("on all nodes again", isEverywhere);
    }
    lease.assertHeld();
    expect(await lease.release()).toBe("released");
    await close();
  });
});

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createLocks, type Lease, type Locks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, libraries, type TestClient } from "../support/clients.ts";
import { useClusterOfOne } from "../support/cluster-of-one.ts";

/** A plain client of a server in cluster mode that serves all slots: managed servers, and proxies in front of many. */
const redis = useClusterOfOne();
let admin: TestClient;
beforeAll(async () => {
  admin = await ioredis6.connect(redis.url);
});
afterAll(() => admin.close());

describe.each(libraries)("a plain $name on a server in cluster mode", ({ name, connect }) => {
  let clients: TestClient[];
  let one: Locks;
  let two: Locks;
  const faults: unknown[] = [];

  beforeEach(async () => {
    clients = [await connect(redis.url), await connect(redis.url)];
    const [first, second] = clients.map((client) => createLocks({ backend: client.backend(), ttl: 3_000 }));
    if (first === undefined || second === undefined) throw new Error("two clients were asked for");
    [one, two] = [first, second];
    faults.length = 0;
    for (const locks of [one, two]) {
      for (const event of ["backendError", "extendFailed", "lost"] as const) {
        locks.on(event, (told) => faults.push(told));
      }
    }
  });
  afterEach(async () => {
    await Promise.all([one.close(), two.close()]);
    for (const client of clients) client.close();
    expect(faults).toEqual([]);
  });

  const keys = (title: string, count = 100) =>
    Array.from({ length: count }, (_, index) => `${name} ${title} ${index}`);
  const held = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of one.list()) found.push(key);
    return found;
  };

  it("locks many keys at once, from the first moment, and frees them all", async () => {
    const leases = await Promise.all(keys("many").map((key) => one.acquire(key)));
    expect(await held()).toHaveLength(100);
    expect(await Promise.all(leases.map((lease) => lease.release()))).toEqual(leases.map(() => "released"));
    expect(await held()).toEqual([]);
  });

  it.each([
    ["exclusive", (locks: Locks, key: string) => locks.readWrite(key).write],
    ["shared", (locks: Locks, key: string) => locks.readWrite(key).read],
    ["permits", (locks: Locks, key: string) => locks.semaphore(key, { permits: 3 })],
    ["slots", (locks: Locks, key: string) => locks.pool(key, { size: 3 })],
    ["several keys", (locks: Locks, key: string) => locks.readWrite([key, `${key} b`, `${key} c`]).write],
  ] as const)("contends in every mode: %s", async (title, lockOf) => {
    let runs = 0;
    const work = [one, two].flatMap((locks) =>
      keys(title, 10).flatMap((key) =>
        [1, 2].map(() =>
          lockOf(locks, key).using({ wait: "forever" }, async () => {
            runs += 1;
            await new Promise((resume) => setTimeout(resume, 1));
          }),
        ),
      ),
    );
    await Promise.all(work);
    expect(runs).toBe(40);
    expect(await held()).toEqual([]);
  });

  it("renews many leases in one tick", async () => {
    const leases = await Promise.all(keys("renewed").map((key) => one.acquire(key, { ttl: 900 })));
    const renewed = new Set<number>();
    one.on("extended", ({ fencingToken }) => renewed.add(fencingToken));
    await eventually("all renewed", () => (renewed.size === 100 ? true : undefined));
    for (const lease of leases) lease.assertHeld();
    await Promise.all(leases.map((lease) => lease.release()));
  });

  it("cancels many waiters in one tick", async () => {
    const taken = await Promise.all(keys("cancelled").map((key) => one.acquire(key)));
    const waits = keys("cancelled").map((key) => two.acquire(key, { wait: 1_000 }).catch(({ code }) => code));
    expect(new Set(await Promise.all(waits))).toEqual(new Set(["LOCK_TIMEOUT"]));
    await Promise.all(taken.map((lease) => lease.release()));
    // Cancellations travel in the background, on another connection: a key may have been offered to one of them.
    await eventually("all cancelled", async () => ((await held()).length === 0 ? true : undefined));
    const again: (Lease | null)[] = await Promise.all(keys("cancelled").map((key) => two.tryAcquire(key)));
    expect(again).not.toContain(null);
    await Promise.all(again.map((lease) => lease?.release()));
  });

  it("learns it from a request of several keys beside one of a single key", async () => {
    const [a = "", b = ""] = keys("beside", 2);
    const both = one.using([a, b], { wait: 5_000 }, () => "both");
    const single = one.using(a, { wait: 5_000 }, () => "single");
    expect(await Promise.all([both, single])).toEqual(["both", "single"]);
  });

  it("takes several keys in order, and refuses to be atomic in words", async () => {
    const lease = await one.acquire([`${name} b`, `${name} a`]);
    expect(lease.keys).toEqual([`${name} a`, `${name} b`]);
    expect(await two.tryAcquire([`${name} b`, `${name} c`])).toBeNull();
    await lease.release();
    await expect(two.acquire([`${name} b`, `${name} c`], { atomic: true })).rejects.toThrow(/hash slots/);
  });
});

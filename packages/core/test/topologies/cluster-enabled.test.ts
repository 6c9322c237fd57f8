import { newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { createLocks, type Lease, type Locks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { type Library, libraries, type TestClient } from "../support/clients.ts";
import { useClusterOfOne } from "../support/cluster-of-one.ts";

/** A plain client of a server in cluster mode that serves all slots: managed servers, and proxies in front of many. */
const redis = useClusterOfOne();
let scenes = 0;

/** Two processes whose locks nobody else has, and what went wrong with them. */
class Scene implements AsyncDisposable {
  readonly #faults: unknown[] = [];

  private constructor(
    private readonly clients: readonly TestClient[],
    readonly one: Locks,
    readonly two: Locks,
  ) {
    for (const locks of [one, two]) {
      for (const event of ["backendError", "extendFailed", "lost"] as const) {
        locks.on(event, (told) => this.#faults.push(told));
      }
    }
  }

  static async open({ connect }: Library): Promise<Scene> {
    const clients = [await connect(redis.url), await connect(redis.url)];
    const prefix = `scene-${++scenes}`;
    const [one, two] = clients.map((client) =>
      createLocks({ backend: client.backend(), prefix, ttl: 3_000 }),
    );
    if (one === undefined || two === undefined) throw new Error("two clients were asked for");
    return new Scene(clients, one, two);
  }

  async held(): Promise<string[]> {
    const found: string[] = [];
    for await (const { key } of this.one.list()) found.push(key);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.one.close(), this.two.close()]);
    for (const client of this.clients) client.close();
    expect(this.#faults).toEqual([]);
  }
}

const keys = (count = 100) => Array.from({ length: count }, (_, index) => `key ${index}`);

describe.concurrent.each(newestOrOlder(libraries))("a plain $name on a server in cluster mode", (library) => {
  it("locks many keys at once, from the first moment, and frees them all", async () => {
    await using scene = await Scene.open(library);
    const { one } = scene;
    const leases = await Promise.all(keys().map((key) => one.acquire(key)));
    expect(await scene.held()).toHaveLength(100);
    expect(await Promise.all(leases.map((lease) => lease.release()))).toEqual(leases.map(() => "released"));
    expect(await scene.held()).toEqual([]);
  });

  it.each([
    ["exclusive", (locks: Locks, key: string) => locks.readWrite(key).write],
    ["shared", (locks: Locks, key: string) => locks.readWrite(key).read],
    ["permits", (locks: Locks, key: string) => locks.semaphore(key, { permits: 3 })],
    ["slots", (locks: Locks, key: string) => locks.pool(key, { size: 3 })],
    ["several keys", (locks: Locks, key: string) => locks.readWrite([key, `${key} b`, `${key} c`]).write],
  ] as const)("contends in every mode: %s", async (_, lockOf) => {
    await using scene = await Scene.open(library);
    const { one, two } = scene;
    let runs = 0;
    const work = [one, two].flatMap((locks) =>
      keys(10).flatMap((key) =>
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
    expect(await scene.held()).toEqual([]);
  });

  it("renews many leases in one tick", async () => {
    await using scene = await Scene.open(library);
    const { one } = scene;
    const leases = await Promise.all(keys().map((key) => one.acquire(key, { ttl: 1_500 })));
    const renewed = new Set<number>();
    one.on("extended", ({ fencingToken }) => renewed.add(fencingToken));
    await eventually("all renewed", () => (renewed.size === 100 ? true : undefined));
    for (const lease of leases) lease.assertHeld();
    await Promise.all(leases.map((lease) => lease.release()));
  });

  it("cancels many waiters in one tick", async () => {
    await using scene = await Scene.open(library);
    const { one, two } = scene;
    const taken = await Promise.all(keys().map((key) => one.acquire(key)));
    const waits = keys().map((key) => two.acquire(key, { wait: 1_000 }).catch(({ code }) => code));
    expect(new Set(await Promise.all(waits))).toEqual(new Set(["LOCK_TIMEOUT"]));
    await Promise.all(taken.map((lease) => lease.release()));
    // Cancellations travel in the background, on another connection: a key may have been offered to one of them.
    await eventually("all cancelled", async () => ((await scene.held()).length === 0 ? true : undefined));
    const again: (Lease | null)[] = await Promise.all(keys().map((key) => two.tryAcquire(key)));
    expect(again).not.toContain(null);
    await Promise.all(again.map((lease) => lease?.release()));
  });

  it("learns it from a request of several keys beside one of a single key", async () => {
    await using scene = await Scene.open(library);
    const { one } = scene;
    const [a = "", b = ""] = keys(2);
    const both = one.using([a, b], { wait: 5_000 }, () => "both");
    const single = one.using(a, { wait: 5_000 }, () => "single");
    expect(await Promise.all([both, single])).toEqual(["both", "single"]);
  });

  it("takes several keys in order, and refuses to be atomic in words", async () => {
    await using scene = await Scene.open(library);
    const { one, two } = scene;
    const lease = await one.acquire(["b", "a"]);
    expect(lease.keys).toEqual(["a", "b"]);
    expect(await two.tryAcquire(["b", "c"])).toBeNull();
    await lease.release();
    await expect(two.acquire(["b", "c"], { atomic: true })).rejects.toThrow(/hash slots/);
  });
});

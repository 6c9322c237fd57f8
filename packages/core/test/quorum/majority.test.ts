import { askServer } from "@lock/redis-harness";
import { describe, expect, it } from "vitest";
import { type Lease, LockLostError } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { expectNothingLeftOn, found, heldOn, useSites } from "../support/quorum-sites.ts";

const ALL = [0, 1, 2, 3, 4];

/** Resolves with why a lease is lost. */
function lossOf({ signal }: Lease): Promise<LockLostError> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
  });
}

describe("a lease of five nodes", () => {
  const sites = useSites(5, { persist: true });
  const everywhere = (key: string) =>
    eventually("all nodes have it", async () => (await heldOn(sites, key)).every(Boolean) || undefined);

  it("is extended by a majority while two nodes are gone, and released without them", async () => {
    const [one, two] = [await found(sites, { nodeTimeout: 1_000 }), await sites.open({ nodeTimeout: 1_000 })];
    const lease = await one.locks.acquire("extended", { ttl: 5_000, renew: false });
    await everywhere("extended");
    await Promise.all([0, 4].map((index) => sites.at(index).server.kill()));
    for (let turn = 0; turn < 3; turn++) await lease.extend(10_000 * (turn + 2));
    expect(lease.validFor).toBeGreaterThan(20_000);
    expect(await two.locks.tryAcquire("extended")).toBeNull();
    expect(await lease.release()).toBe("released");
    const next = await two.locks.acquire("extended");
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    await next.release();
    await Promise.all([0, 4].map((index) => sites.at(index).server.restart()));
    await expectNothingLeftOn(sites);
  });

  it("stays valid until its old end when three nodes are gone, and is then lost as unreachable", async () => {
    const { locks } = await found(sites, { nodeTimeout: 250, proxied: ALL });
    const lease = await locks.acquire("abandoned", { ttl: 2_500 });
    const failures: unknown[] = [];
    locks.on("extendFailed", ({ error }) => failures.push(error));
    const lost = lossOf(lease);
    await everywhere("abandoned");
    const end = performance.now() + lease.validFor;
    for (const index of [0, 2, 4]) sites.at(index).proxy.blackhole();
    await expect(lease.extend(2_500)).rejects.toMatchObject({ code: "LOCK_QUORUM" });
    expect(lease.validFor).toBeGreaterThan(0);
    expect(lease.validFor).toBeLessThan(end - performance.now() + 50);
    const { code, reason } = await lost;
    expect(code).toBe("LOCK_LOST");
    // A loaded machine may stand still just then.
    expect(["unreachable", "stalled"]).toContain(reason);
    expect(performance.now()).toBeGreaterThan(end - 50);
    expect(failures.length).toBeGreaterThan(1);
    for (const { proxy } of sites.all) proxy.heal();
    await expectNothingLeftOn(sites);
  });

  it("is not lost while a majority may have it: one node has lost it, and two are silent", async () => {
    // A node that a loaded machine keeps from voting in time gets no vote later: the lease is not renewed.
    const { locks } = await found(sites, { nodeTimeout: 1_000, proxied: ALL });
    const lease = await locks.acquire("in doubt", { ttl: 20_000, renew: false });
    await everywhere("in doubt");
    await askServer(sites.at(1).server.port, "DEL", "lock:{in doubt}");
    for (const index of [0, 4]) sites.at(index).proxy.blackhole();
    await expect(lease.extend()).rejects.toMatchObject({ code: "LOCK_QUORUM" });
    expect(lease.validFor).toBeGreaterThan(0);
    for (const { proxy } of sites.all) proxy.heal();
    await eventually("extended again", () =>
      lease
        .extend(25_000)
        .catch(() => undefined)
        .then(() => lease.validFor > 20_000 || undefined),
    );
    for (const index of [0, 2, 4]) await askServer(sites.at(index).server.port, "DEL", "lock:{in doubt}");
    // A loaded machine may keep a node from answering in time: then nothing is known yet.
    const extended = async () => expect.fail("a lease was extended that no majority has");
    const told = await eventually("the loss", () =>
      lease.extend().then(extended, (error) => (error instanceof LockLostError ? error : undefined)),
    );
    expect(told.reason).toBe("expired");
    await expectNothingLeftOn(sites);
  });

  it("takes nodes that come back at its next extend, and can then do without others", async () => {
    const { locks } = await found(sites, { nodeTimeout: 1_000, proxied: ALL });
    for (const index of [0, 1]) sites.at(index).proxy.refuse();
    const lease = await locks.acquire("strengthened", { ttl: 20_000, renew: false });
    expect(await heldOn(sites, "strengthened")).toEqual([false, false, true, true, true]);
    await eventually(
      "extended without those who had granted it",
      async () => {
        for (const { proxy } of sites.all) proxy.heal();
        const extended = await lease.extend().then(
          () => true,
          () => false,
        );
        if (!extended || !(await heldOn(sites, "strengthened")).every(Boolean)) return undefined;
        for (const index of [3, 4]) sites.at(index).proxy.refuse();
        return lease.extend(21_000).then(
          () => true,
          () => undefined,
        );
      },
      30_000,
    );
    expect(lease.validFor).toBeGreaterThan(15_000);
    for (const { proxy } of sites.all) proxy.heal();
    expect(await lease.release()).toBe("released");
    await expectNothingLeftOn(sites);
  });

  it("for reading is shared, and excludes a writer; a writer excludes all", async () => {
    const [one, two] = [await found(sites), await sites.open()];
    const [mine, other] = [one, two].map(({ locks }) => locks.readWrite("document"));
    if (mine === undefined || other === undefined) throw new Error("there are two");
    const readers = [await mine.read.acquire(), await other.read.acquire()];
    expect(await other.write.tryAcquire()).toBeNull();
    for (const reader of readers) await reader.release();
    const writer = await other.write.acquire();
    expect(await mine.read.tryAcquire()).toBeNull();
    expect(await mine.write.tryAcquire()).toBeNull();
    for (const reader of readers) expect(writer.fencingToken).toBeGreaterThan(reader.fencingToken);
    await writer.release();
    await expectNothingLeftOn(sites);
  });
});

describe.each([2, 4])("of %i nodes", (count) => {
  const sites = useSites(count, { persist: true });

  it("more than half are needed", async () => {
    const { locks } = await found(sites, { nodeTimeout: 150 });
    const away = count / 2 - 1;
    for (let index = 0; index < away; index++) await sites.at(index).server.kill();
    await locks.using("even", async () => {
      expect((await heldOn(sites, "even").catch(() => [])).filter(Boolean).length).toBeLessThanOrEqual(count);
    });
    await sites.at(count - 1).server.kill();
    await expect(locks.acquire("even", { wait: 0 })).rejects.toMatchObject({ code: "LOCK_QUORUM" });
    for (const { server } of sites.all) if (!server.isRunning) await server.restart();
    await locks.using("even", { wait: 20_000 }, () => undefined);
    await expectNothingLeftOn(sites);
  });
});

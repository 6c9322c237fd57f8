import { describe, expect, it } from "vitest";
import { expectNothingLeftOn, found, keptByMajority, useSites } from "../support/quorum-sites.ts";

const NODE_TIMEOUT = 1_000;
/** For what a loaded machine adds. */
const TOLERANCE = 500;
const ALL = [0, 1, 2, 3, 4];
const pairs = ALL.flatMap((one) => ALL.filter((two) => two > one).map((two) => [one, two] as const));

describe("two of five nodes are in a black hole", () => {
  const sites = useSites(5);

  it.each(pairs)("work goes on without nodes %i and %i", async (one, two) => {
    const { locks } = await found(sites, { nodeTimeout: NODE_TIMEOUT, proxied: ALL });
    for (const index of [one, two]) sites.at(index).proxy.blackhole();
    for (let turn = 0; turn < 6; turn++) {
      const key = `without ${one} and ${two}, turn ${turn}`;
      const start = performance.now();
      const lease = await locks.acquire(key, { ttl: 5_000, wait: 0 });
      expect(performance.now() - start).toBeLessThan(NODE_TIMEOUT + TOLERANCE);
      const kept = await keptByMajority(sites, key);
      expect(lease.validFor).toBeLessThanOrEqual(kept);
      expect(lease.validFor).toBeGreaterThan(5_000 - NODE_TIMEOUT - TOLERANCE - 100);
      expect(await lease.release()).toBe("released");
    }
  });

  it("what is believed ends before what servers keep, however long their answers take", async () => {
    const { locks } = await found(sites, { nodeTimeout: 1_000, proxied: ALL });
    for (const index of [0, 3]) sites.at(index).proxy.blackhole();
    for (const index of [1, 2, 4]) sites.at(index).proxy.delay(100);
    for (let turn = 0; turn < 2; turn++) {
      const lease = await locks.acquire(`far ${turn}`, { ttl: 4_000, wait: 0, renew: false });
      const granted = await keptByMajority(sites, `far ${turn}`);
      expect(lease.validFor).toBeLessThanOrEqual(granted);
      await lease.extend(5_000);
      const extended = await keptByMajority(sites, `far ${turn}`);
      expect(extended).toBeGreaterThan(4_000);
      expect(lease.validFor).toBeLessThanOrEqual(extended);
      await lease.release();
    }
    await expectNothingLeftOn(sites);
  });
});

import { askServer } from "@lock/redis-harness";
import { fewOrMany } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { type Lease, LockBackendError } from "../../src/index.ts";
import { found, heldOn, type Member, openSites, type Site } from "../support/quorum-sites.ts";

/** Also the longest: for so long one that has lost its data does not vote. */
const TTL = 5_000;

interface Loss {
  /** Before the lease is granted. */
  prepare?(site: Site): Promise<unknown>;
  lose(site: Site): Promise<unknown>;
}

const losses: Record<string, Loss> = {
  "killed and restarted empty": {
    lose: async ({ server }) => {
      await server.kill();
      await server.restart({ empty: true });
    },
  },
  "killed and restarted with an older snapshot": {
    prepare: ({ server }) => askServer(server.port, "SAVE"),
    lose: async ({ server }) => {
      await server.kill();
      await server.restart();
    },
  },
  "emptied by FLUSHALL": { lose: ({ server }) => askServer(server.port, "FLUSHALL") },
};

/** Asks again and again, also without a place in a queue, until it gets the key from `lease`. */
async function take({ locks }: Member, key: string, lease: Lease) {
  for (let asked = 1; ; asked++) {
    const options = { ttl: 1_000, wait: asked % 2 === 0 ? 200 : 0 };
    // A loaded machine may not answer in time.
    const taken = await locks.tryAcquire(key, options).catch((error: unknown) => {
      if (error instanceof LockBackendError) return null;
      throw error;
    });
    const believed = lease.validFor;
    if (taken === null) {
      // Others have something to do as well.
      await new Promise((resume) => setTimeout(resume, 100));
      continue;
    }
    await taken.release();
    return { believed, asked, fencingToken: taken.fencingToken };
  }
}

for (const [name, loss] of Object.entries(losses)) {
  describe.concurrent(`3 of 5 nodes have a lease, and one of these is ${name}`, () => {
    it.sequential.each([0, 2].slice(0, fewOrMany(1, 2)))(
      "nobody else gets it before its end, and others after it: node %i",
      async (lost) => {
        await using sites = await openSites(5);
        const key = `held by three ${lost}`;
        const old = await found(sites, { maxTtl: TTL });
        const holder = await sites.open({ maxTtl: TTL, proxied: [3, 4] });
        await loss.prepare?.(sites.at(lost));
        for (const index of [3, 4]) sites.at(index).proxy.blackhole();
        const lease = await holder.locks.acquire(key, { ttl: TTL, renew: false });
        expect(await heldOn(sites, key)).toEqual([true, true, true, false, false]);
        await loss.lose(sites.at(lost));
        expect(lease.validFor).toBeGreaterThan(0);
        const fresh = await sites.open({ maxTtl: TTL });
        const taken = await Promise.all([take(old, key, lease), take(fresh, key, lease)]);
        for (const { believed, asked, fencingToken } of taken) {
          expect(believed).toBe(0);
          expect(asked).toBeGreaterThan(2);
          expect(fencingToken).toBeGreaterThan(lease.fencingToken);
        }
      },
    );
  });
}

describe.concurrent("a quorum that was founded while one of its nodes was away", () => {
  it("is not founded anew when another node has lost its data", async () => {
    await using sites = await openSites(3);
    const holder = await sites.open({ maxTtl: 2_000, nodeTimeout: 250, proxied: [2] });
    sites.at(2).proxy.refuse();
    const lease = await holder.locks.acquire("held by two", { ttl: 1_500, wait: 20_000 });
    expect(await heldOn(sites, "held by two")).toEqual([true, true, false]);
    await askServer(sites.at(0).server.port, "FLUSHALL");
    const fresh = await sites.open({ maxTtl: 2_000 });
    const { believed, fencingToken } = await take(fresh, "held by two", lease);
    expect(believed).toBe(0);
    expect(fencingToken).toBeGreaterThan(lease.fencingToken);
  });
});

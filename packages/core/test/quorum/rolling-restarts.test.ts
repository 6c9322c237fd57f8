import { expect, it } from "vitest";
import { eventually } from "../../src/testing/test-api.ts";
import { found, useSites } from "../support/quorum-sites.ts";

/** Also the longest: for so long, and a second, a node that has lost its data does not vote. */
const TTL = 2_000;
const sites = useSites(3);

it("a lease outlives restarts of all nodes, one after another, where nothing but its renewals runs", async () => {
  const { locks } = await found(sites, { maxTtl: TTL });
  const lease = await locks.acquire("kept", { ttl: TTL });
  for (let round = 0; round < 2; round++) {
    for (const { server } of sites.all) {
      await server.kill();
      await server.restart({ empty: true });
      // As far apart as is documented: until it votes again, and one renewal more, by which it takes the lease.
      await new Promise((resume) => setTimeout(resume, TTL + 1_000 + TTL / 2));
      lease.assertHeld();
      await eventually("a renewal", async () => (lease.validFor > TTL / 2 ? true : undefined));
    }
  }
  expect(await lease.release()).toBe("released");
}, 120_000);

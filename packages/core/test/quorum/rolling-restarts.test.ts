import { expect, it } from "vitest";
import { eventually } from "../../src/testing/test-api.ts";
import { found, heldOn, useSites } from "../support/quorum-sites.ts";

/** Also the longest: for so long, and some seconds, a node that has lost its data does not vote. */
const TTL = 1_500;
const sites = useSites(3);

it("a lease outlives restarts of all nodes, one after another, where nothing but its renewals runs", async () => {
  const { locks } = await found(sites, { maxTtl: TTL });
  const lease = await locks.acquire("kept", { ttl: TTL });
  const isEverywhere = async () => ((await heldOn(sites, "kept")).every(Boolean) ? true : undefined);
  // All of them, and then one that has become a member anew before.
  for (const { server } of [...sites.all, sites.at(0)]) {
    await eventually("the lease stands on all nodes", isEverywhere, 30_000);
    await server.kill();
    await server.restart({ empty: true });
  }
  await eventually("the lease stands on all nodes", isEverywhere, 30_000);
  lease.assertHeld();
  expect(await lease.release()).toBe("released");
}, 240_000);

import { fewOrMany, useCluster } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPairs, type Pair, report, type Survival, surviveLoss } from "../support/lost-master.ts";

const FAILOVERS = fewOrMany(1, 20);
/** For machines that have other things to do. */
const TOLERANCE = 1_000;

const cluster = useCluster({ nodeTimeout: 1_000 });
let pairs: Pair[];

beforeAll(async () => {
  pairs = await openPairs(({ connectCluster }) => connectCluster(cluster().urls));
});
afterAll(async () => {
  await Promise.all(pairs.map((pair) => pair.close()));
});

describe("Cluster", () => {
  it("after the death of a master: grants within 2 x node-timeout + 2 s, waiters are served, the fence stops stale writers", {
    timeout: 30_000 + FAILOVERS * 15_000,
  }, async () => {
    const survivals: Survival[] = [];
    for (let round = 0; round < FAILOVERS; round++) {
      const key = `round ${round}`;
      const slot = await cluster().slotOf(key);
      survivals.push(...(await surviveLoss(pairs, key, (work) => cluster().loseMaster(slot, work))));
      await cluster().heal();
    }
    report(`Cluster, node-timeout ${cluster().nodeTimeout} ms`, survivals);
    for (const { name, outage, wake, staleWritesTaken } of survivals) {
      expect(outage, name).toBeLessThan(2 * cluster().nodeTimeout + 2_000 + TOLERANCE);
      expect(wake, name).toBeLessThan(2_000);
      expect(staleWritesTaken, name).toBe(0);
    }
  });
});

import { fewOrMany, useSentinel } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPairs, type Pair, report, type Survival, surviveLoss } from "../support/lost-master.ts";

const FAILOVERS = fewOrMany(1, 20);
/** For machines that have other things to do. */
const TOLERANCE = 1_000;

/** As docs/guarantees.md asks for: by default ioredis takes ever longer pauses, and stays with a demoted master. */
const IOREDIS = {
  retryStrategy: () => 100,
  reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
};

const sentinel = useSentinel();
let pairs: Pair[];

beforeAll(async () => {
  pairs = await openPairs(({ family, connectSentinel }) =>
    connectSentinel(sentinel(), family === "ioredis" ? { client: IOREDIS } : {}),
  );
});
afterAll(async () => {
  await Promise.all(pairs.map((pair) => pair.close()));
});

describe("Sentinel", () => {
  it("after the death of a master: grants within down-after + 2 s, waiters are served, the fence stops stale writers", {
    timeout: 30_000 + FAILOVERS * 15_000,
  }, async () => {
    const survivals: Survival[] = [];
    for (let round = 0; round < FAILOVERS; round++) {
      survivals.push(...(await surviveLoss(pairs, `round ${round}`, (work) => sentinel().loseMaster(work))));
      await sentinel().heal();
    }
    report(`Sentinel, down-after ${sentinel().downAfter} ms`, survivals);
    for (const { name, family, outage, wake, staleWritesTaken } of survivals) {
      // createSentinel looks once a second, and takes the new master only when the failover is over for all replicas.
      const limit = sentinel().downAfter + (family === "ioredis" ? 2_000 : 6_000);
      expect(outage, name).toBeLessThan(limit + TOLERANCE);
      expect(wake, name).toBeLessThan(2_000);
      expect(staleWritesTaken, name).toBe(0);
    }
  });

  it("a planned failover under load is no error to anybody who waits", async () => {
    let failed = false;
    let done = false;
    const callers = pairs.flatMap(({ locks, name }) =>
      locks("load").map(async (each) => {
        // What the old master is told after the promotion is lost, releases too: those end with their ttl.
        while (!done) await each.using(`load ${name}`, { wait: 20_000, ttl: 2_000 }, () => undefined);
      }),
    );
    const all = Promise.all(callers).catch((error: unknown) => {
      failed = true;
      throw error;
    });
    all.catch(() => undefined);
    await sentinel().failover();
    await sentinel().heal();
    expect(failed).toBe(false);
    done = true;
    await all;
  });
});

import { expect, it } from "vitest";
import { inProcessBackend } from "../src/in-process.ts";
import { createLocks, type Locks, type LocksWithoutPermits } from "../src/index.ts";
import { quorumBackend } from "../src/quorum.ts";

/** Needs no permits: the compiler takes the locks of every backend for it. */
async function once(locks: LocksWithoutPermits, key: string): Promise<number> {
  return locks.using(key, ({ fencingToken }) => fencingToken);
}

it("a function that needs no permits takes the locks of a quorum and those of a single server", async () => {
  const single: Locks = createLocks({ backend: inProcessBackend() });
  const nodes = [inProcessBackend(), inProcessBackend(), inProcessBackend()];
  const ofQuorum: LocksWithoutPermits = createLocks({
    backend: quorumBackend(nodes, { maxTtl: 200 }),
    ttl: 100,
  });
  for (const locks of [single, ofQuorum]) {
    expect(await once(locks, "a")).toBeGreaterThan(0);
    await locks.close();
  }
});

it("the compiler refuses the locks of a quorum where permits are needed", async () => {
  const locks = createLocks({ backend: quorumBackend([inProcessBackend(), inProcessBackend()]) });
  // @ts-expect-error: a quorum has no semaphores
  expect(() => locks.semaphore("a", { permits: 2 })).toThrow("a semaphore is not possible on quorum of 2");
  await locks.close();
});

import { describe, expect, it } from "vitest";
import { inProcessBackend } from "../../src/in-process.ts";
import { createLocks, type RetryPolicy } from "../../src/index.ts";
import { quorumBackend } from "../../src/quorum.ts";
import { FakeClock } from "../../src/testing.ts";

/** A key that others have at two of three nodes for longer than a lease of the quorum lasts: their queue is of no use. */
async function contend(retry: RetryPolicy) {
  const clock = new FakeClock();
  const nodes = [1, 2, 3].map(() => inProcessBackend({ clock }));
  for (const backend of nodes.slice(0, 2)) {
    await createLocks({ backend }).acquire("paced", { ttl: 600_000, renew: false });
  }
  const locks = createLocks({ backend: quorumBackend(nodes) });
  let attempts = 0;
  locks.on("voted", () => {
    attempts += 1;
  });
  const acquiring = locks.acquire("paced", { wait: 10_000, retry });
  const failed = expect(acquiring).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
  const attemptsIn = async (ms: number) => {
    const before = attempts;
    await clock.advance(ms);
    return attempts - before;
  };
  const end = async () => {
    await clock.advance(10_000);
    await failed;
  };
  return { attemptsIn, end };
}

describe("retry", () => {
  it("delay: the time between two attempts", async () => {
    const { attemptsIn, end } = await contend({ delay: 500, jitter: 0 });
    expect(await attemptsIn(0)).toBe(1);
    for (let turn = 0; turn < 5; turn++) {
      expect(await attemptsIn(499)).toBe(0);
      expect(await attemptsIn(1)).toBe(1);
    }
    await end();
  });

  it("jitter: up to so much more, by default as much as the delay", async () => {
    for (const retry of [{ delay: 200, jitter: 100 }, { delay: 150 }]) {
      const { attemptsIn, end } = await contend(retry);
      expect(await attemptsIn(0)).toBe(1);
      expect(await attemptsIn(retry.delay - 1)).toBe(0);
      expect(await attemptsIn((retry.jitter ?? retry.delay) + 2)).toBe(1);
      await end();
    }
  });

  it("none: at once, and then more and more seldom", async () => {
    const { attemptsIn, end } = await contend({});
    expect(await attemptsIn(100)).toBeGreaterThan(3);
    await attemptsIn(4_000);
    expect(await attemptsIn(1_000)).toBeLessThan(20);
    await end();
  });
});

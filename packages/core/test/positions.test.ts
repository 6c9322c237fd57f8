import { beforeEach, describe, expect, it } from "vitest";
import { createLocks, type Lease } from "../src/index.ts";
import { type Crowd, KEY, OPTIONS, useCrowds } from "./support/crowd.ts";

const scene = useCrowds();

describe("waiters of one process", () => {
  let held: Lease;
  beforeEach(async () => {
    held = await scene.rivals.acquire(KEY, { ttl: 60_000 });
  });

  it("that come at about the same moment share a place in the queue", async () => {
    scene.crowd(3);
    await scene.clock.advance(29);
    scene.crowd(2);
    await scene.clock.advance(0);
    expect(await scene.waiters()).toEqual([5]);
    expect((await scene.rivals.inspect(KEY))?.waiting).toBe(5);
    // The first of them counts, not the last.
    await scene.clock.advance(2);
    scene.crowd(1);
    await scene.clock.advance(0);
    expect(await scene.waiters()).toEqual([5, 1]);
  });

  it.each([
    ["31 ms later", 31, OPTIONS],
    ["with another ttl", 0, { ...OPTIONS, ttl: 2_000 }],
    ["with a maxHold", 0, { ...OPTIONS, maxHold: 3_000 }],
    ["with a minHold", 0, { ...OPTIONS, minHold: 1 }],
    ["without renewal", 0, { ...OPTIONS, renew: false }],
  ])("have one of their own: %s", async (_, after, options) => {
    scene.crowd(1);
    await scene.clock.advance(after);
    scene.crowd(1, options);
    await scene.clock.advance(0);
    expect(await scene.waiters()).toEqual([1, 1]);
  });

  it("do not join a position that is in front of another one of their process", async () => {
    scene.crowd(1);
    scene.crowd(1, { ...OPTIONS, minHold: 1 });
    scene.crowd(1);
    await scene.clock.advance(0);
    expect(await scene.waiters()).toEqual([1, 1, 1]);
  });

  it("are 64 at most in one place", async () => {
    scene.crowd(130);
    await scene.clock.advance(0);
    expect(await scene.waiters()).toEqual([64, 64, 2]);
  });

  describe("when some of them give up", () => {
    const three = () => [0, 1, 2].map(() => new AbortController());
    const ask = (enders: AbortController[]) =>
      enders.map(({ signal }) => scene.crowd(1, { ...OPTIONS, signal }));

    /** Who of them is served, in this order. */
    async function served(crowds: readonly Crowd[]): Promise<number[]> {
      const order: number[] = [];
      for (const [n, { leases, errors }] of crowds.entries()) {
        await scene.clock.advance(0);
        if (leases.has(0)) order.push(n);
        else expect(String(errors.get(0))).toContain("enough");
        await leases.get(0)?.release();
      }
      expect(await scene.rivals.inspect(KEY)).toBeNull();
      expect(scene.clock.pending).toBe(0);
      return order;
    }

    const GONE = [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]];
    const left = (gone: readonly number[]) => [0, 1, 2].filter((n) => !gone.includes(n));

    it.each(GONE)("the others are served where they wait in the queue: %o, %o, %o", async (...gone) => {
      const enders = three();
      const crowds = ask(enders);
      await scene.clock.advance(0);
      for (const n of gone) enders[n]?.abort(new Error("enough"));
      await held.release();
      expect(await served(crowds)).toEqual(left(gone));
    });

    it.each(GONE)("the others are served where one of them has the key: %o, %o, %o", async (...gone) => {
      const enders = three();
      const first = scene.crowd(1);
      const crowds = ask(enders);
      const lease = await scene.firstAfter(held, first);
      for (const n of gone) enders[n]?.abort(new Error("enough"));
      await lease.release();
      expect(await served(crowds)).toEqual(left(gone));
    });

    it("others see how many are left", async () => {
      const ended = new AbortController();
      scene.crowd(3);
      scene.crowd(2, { ...OPTIONS, signal: ended.signal });
      await scene.clock.advance(0);
      ended.abort();
      await scene.clock.advance(0);
      expect(await scene.waiters()).toEqual([3]);
    });

    it("by the end of their time, they are told who has it", async () => {
      scene.crowd(1);
      const short = scene.crowd(1, { ...OPTIONS, wait: 2_000 });
      await scene.clock.advance(2_001);
      expect(short.errors.get(0)).toMatchObject({ code: "LOCK_TIMEOUT", holder: { holder: "rivals" } });
    });

    it("by the end of their time, they are told that their own process has it", async () => {
      scene.crowd(1);
      const short = scene.crowd(1, { ...OPTIONS, wait: 2_000 });
      await scene.clock.advance(0);
      await held.release();
      await scene.clock.advance(2_001);
      expect(short.errors.get(0)).toMatchObject({ code: "LOCK_TIMEOUT", holder: { holder: "us" } });
    });
  });
});

describe("maxWaiters", () => {
  it("refuses an acquire that would wait behind so many, until one of them is served or gone", async () => {
    const few = createLocks({ backend: scene.backend, maxWaiters: 2 });
    const refused: string[] = [];
    few.on("refused", ({ key }) => refused.push(key));
    const held = await scene.rivals.acquire(KEY);
    const first = scene.crowd(1, OPTIONS, few);
    const ended = new AbortController();
    scene.crowd(1, { ...OPTIONS, signal: ended.signal }, few);
    await scene.clock.advance(0);
    const overloaded = { code: "LOCK_OVERLOADED", retryable: true, key: KEY };
    await expect(few.acquire(KEY, OPTIONS)).rejects.toMatchObject(overloaded);
    await expect(few.acquire(["another", KEY], OPTIONS)).rejects.toMatchObject(overloaded);
    expect(refused).toEqual([KEY, `another, ${KEY}`]);
    // Who does not wait is told that the key is busy, and other keys are other queues.
    expect(await few.tryAcquire(KEY)).toBeNull();
    await (await few.acquire("another")).release();
    ended.abort();
    const third = scene.crowd(1, OPTIONS, few);
    await scene.clock.advance(0);
    expect(third.errors.size).toBe(0);
    await held.release();
    await (await scene.theLease(first, 0)).release();
    await (await scene.theLease(third, 0)).release();
    await few.close();
    expect(scene.clock.pending).toBe(0);
  });

  it.each([0, -1, 1.5, "many", Number.NaN])("must be a whole number above 0: %o", (maxWaiters) => {
    expect(() => createLocks({ backend: scene.backend, maxWaiters: maxWaiters as number })).toThrow(
      "maxWaiters",
    );
  });
});

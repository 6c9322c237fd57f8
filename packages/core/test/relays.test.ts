import { beforeEach, describe, expect, it } from "vitest";
import type { AcquireRequest, Granted } from "../src/contract/backend.ts";
import { createLocks, type Lease } from "../src/index.ts";
import { FaultyBackend } from "../src/testing.ts";
import { KEY, OPTIONS, useCrowds } from "./support/crowd.ts";

const scene = useCrowds();

describe("waiters of one process that have its turn", () => {
  let held: Lease;
  beforeEach(async () => {
    held = await scene.rivals.acquire(KEY, { ttl: 60_000 });
  });

  it("get the key one after the other with one command, and rising fencing tokens", async () => {
    const many = scene.crowd(5);
    await scene.clock.advance(0);
    const [asked, released] = [scene.backend.calls.tryAcquire, scene.backend.calls.release];
    await held.release();
    let last = held.fencingToken;
    for (let n = 0; n < 5; n++) {
      const lease = await scene.theLease(many, n);
      expect(many.leases.size).toBe(n + 1);
      expect(lease.fencingToken).toBeGreaterThan(last);
      expect(lease.validFor).toBeGreaterThan(2_900);
      last = lease.fencingToken;
      expect(scene.backend.calls.release).toBe(released);
      expect(await lease.release()).toBe("released");
    }
    expect([scene.backend.calls.tryAcquire, scene.backend.calls.extend, scene.backend.calls.release]).toEqual(
      [asked, 0, released + 1],
    );
    expect(await scene.rivals.inspect(KEY)).toBeNull();
  });

  it("leave no gap in the fencing tokens when some of them are gone", async () => {
    const ended = new AbortController();
    const one = scene.crowd(1);
    scene.crowd(4, { ...OPTIONS, signal: ended.signal });
    const lease = await scene.firstAfter(held, one);
    ended.abort();
    await lease.release();
    expect((await scene.rivals.acquire(KEY)).fencingToken).toBe(lease.fencingToken + 1);
  });

  it("pass on what is left of the validity, and no more", async () => {
    const many = scene.crowd(2);
    const first = await scene.firstAfter(held, many);
    await scene.clock.advance(15);
    await first.release();
    // 1 % of the ttl and 2 ms for clocks that run apart.
    expect((await scene.theLease(many, 1)).validFor).toBe(3_000 - 30 - 2 - 15);
  });

  it("ask the server before the next has it when its word is 30 ms old", async () => {
    const many = scene.crowd(2);
    const first = await scene.firstAfter(held, many);
    await scene.clock.advance(31);
    await first.release();
    const second = await scene.theLease(many, 1);
    expect(scene.backend.calls.extend).toBe(1);
    expect(second.validFor).toBeGreaterThan(2_960);
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
  });

  it("count on no fencing token that was not told", async () => {
    /** The answer in which the reserved tokens stood was lost: the next one tells of the first only. */
    class Forgetful extends FaultyBackend {
      override async waitForTurn(request: AcquireRequest): Promise<Granted | null> {
        const granted = await super.waitForTurn(request);
        return granted && { ...granted, lastFence: undefined };
      }
    }
    const forgetful = new Forgetful(scene.backend);
    const many = scene.crowd(3, OPTIONS, createLocks({ backend: forgetful }));
    await (await scene.firstAfter(held, many)).release();
    await (await scene.theLease(many, 1)).release();
    await (await scene.theLease(many, 2)).release();
    expect(forgetful.calls.extend).toBe(1);
  });

  it("ask the server again where its word was on its way for long", async () => {
    const many = scene.crowd(3);
    await (await scene.firstAfter(held, many)).release();
    const second = await scene.theLease(many, 1);
    const answer = scene.backend.hang("extend");
    await scene.clock.advance(45);
    expect(scene.backend.calls.extend).toBe(1);
    answer();
    scene.backend.heal();
    await scene.clock.advance(7);
    await second.release();
    await scene.theLease(many, 2);
    expect(scene.backend.calls.extend).toBe(2);
  });

  it("do not pass on what is nearly over", async () => {
    const first = scene.crowd(1, { ...OPTIONS, ttl: 50 });
    let begins = 0;
    void scene.locks.acquire(KEY, { ...OPTIONS, ttl: 50 }).then(({ validFor }) => {
      begins = validFor;
    });
    const lease = await scene.firstAfter(held, first);
    scene.clock.block(26);
    await lease.release();
    await scene.clock.advance(0);
    expect(begins).toBeGreaterThan(40);
  });

  it("are shown to others, who has the key by now, within 60 ms", async () => {
    const first = scene.crowd(1, { ...OPTIONS, meta: { n: "first" } });
    const second = scene.crowd(1, { ...OPTIONS, meta: { n: "second" } });
    await (await scene.firstAfter(held, first)).release();
    const lease = await scene.theLease(second, 0);
    await scene.clock.advance(40);
    const [shown] = (await scene.rivals.inspect(KEY))?.holders ?? [];
    expect(shown).toMatchObject({ meta: { n: "second" }, fencingToken: lease.fencingToken });
    expect(scene.backend.calls.extend).toBe(1);
    await scene.clock.advance(10_000);
    lease.assertHeld();
  });

  it("of a lease that was extended to more, and then to less, ask the server again", async () => {
    const many = scene.crowd(2);
    const first = await scene.firstAfter(held, many);
    await first.extend(60_000);
    await first.extend(500);
    await first.release();
    expect((await scene.theLease(many, 1)).validFor).toBeLessThan(3_000);
  });
});

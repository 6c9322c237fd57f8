import { beforeEach, describe, expect, it } from "vitest";
import type { Lease } from "../src/index.ts";
import { KEY, OPTIONS, useCrowds } from "./support/crowd.ts";

const scene = useCrowds();

describe("waiters behind a lease of their process", () => {
  let held: Lease;
  beforeEach(async () => {
    held = await scene.rivals.acquire(KEY, { ttl: 60_000 });
  });

  describe("stand at their place again when the lease before", () => {
    async function behind() {
      const many = scene.crowd(3);
      await scene.clock.advance(0);
      const later = scene.crowd(1, OPTIONS, scene.rivals);
      await scene.clock.advance(0);
      await held.release();
      return { first: await scene.theLease(many, 0), many, later };
    }
    type Behind = Awaited<ReturnType<typeof behind>>;

    /** They have another owner token, since the one before may still be in use. */
    async function expectServed({ first, many }: Behind) {
      const second = await scene.theLease(many, 1);
      expect(second.token).not.toBe(first.token);
      expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
      await second.release();
      await (await scene.theLease(many, 2)).release();
    }

    /** Who came later was not passed over by them, or was served when the server had freed the key. */
    async function expectLater({ later }: Behind) {
      await (await scene.theLease(later, 0)).release();
    }

    it("was extended to more than they asked for", async () => {
      const all = await behind();
      await all.first.extend(50_000);
      await all.first.release();
      await expectServed(all);
      await expectLater(all);
    });

    it("was lost since this process stood still", async () => {
      const all = await behind();
      scene.clock.block(2_990);
      await scene.clock.advance(0);
      expect(() => all.first.assertHeld()).toThrow("blocked");
      await expectServed(all);
      await expectLater(all);
    });

    it("had ended unheard when it was released", async () => {
      const all = await behind();
      scene.clock.block(2_990);
      expect(await all.first.release()).toBe("expired");
      await expectServed(all);
      await expectLater(all);
    });

    it("was given away by a ticket", async () => {
      const all = await behind();
      const adopted = await scene.rivals.adopt(all.first.toTicket());
      await scene.clock.advance(0);
      expect(all.many.leases.size).toBe(1);
      expect(await scene.waiters()).toEqual([2, 1]);
      await adopted.release();
      await expectServed(all);
      await expectLater(all);
    });

    it.each([
      ["was taken by force", () => scene.rivals.forceRelease(KEY)],
      ["ended at the server", async () => scene.clock.block(4_000)],
    ])("%s: behind the one that the server has served since", async (_, lose) => {
      const all = await behind();
      await lose();
      await scene.clock.advance(1_100);
      expect(() => all.first.assertHeld()).toThrow("is over");
      expect(all.many.leases.size).toBe(1);
      await expectLater(all);
      await expectServed(all);
    });

    it("could not be confirmed for them", async () => {
      const all = await behind();
      await scene.clock.advance(31);
      const answer = scene.backend.hang("extend");
      void all.first.release();
      await scene.clock.advance(3_200);
      answer();
      scene.backend.heal();
      await expectLater(all);
      await scene.clock.advance(2_000);
      await expectServed(all);
    });
  });

  it("are told that their locks were closed, and free the key", async () => {
    const many = scene.crowd(3);
    await scene.clock.advance(0);
    await held.release();
    await scene.theLease(many, 0);
    await scene.locks.close();
    await scene.clock.advance(0);
    for (const n of [1, 2]) expect(many.errors.get(n)).toMatchObject({ code: "LOCK_USAGE" });
    expect(await scene.rivals.inspect(KEY)).toBeNull();
    expect(scene.clock.pending).toBe(0);
  });

  it("are told that their locks were closed while the server was asked for them", async () => {
    const many = scene.crowd(3);
    const first = await scene.firstAfter(held, many);
    await scene.clock.advance(31);
    const answer = scene.backend.hang("extend");
    void first.release();
    await scene.clock.advance(0);
    const closing = scene.locks.close();
    answer();
    scene.backend.heal();
    await closing;
    await scene.clock.advance(0);
    for (const n of [1, 2]) expect(many.errors.get(n)).toMatchObject({ code: "LOCK_USAGE" });
    expect(await scene.rivals.inspect(KEY)).toBeNull();
  });

  it("are told a fault of the backend, each when its time is over", async () => {
    scene.backend.fail("tryAcquire", undefined, 1_000);
    const [short, long] = [scene.crowd(1, { ...OPTIONS, wait: 100 }), scene.crowd(1)];
    await scene.clock.advance(150);
    expect(short.errors.get(0)).toMatchObject({ code: "LOCK_BACKEND" });
    scene.backend.heal();
    await scene.clock.advance(2_000);
    expect(await scene.waiters()).toEqual([1]);
    await held.release();
    await (await scene.theLease(long, 0)).release();
  });

  it("are told the fault where the server could not be asked to confirm the lease for them", async () => {
    const many = scene.crowd(1);
    const short = scene.crowd(1, { ...OPTIONS, wait: 500 });
    const first = await scene.firstAfter(held, many);
    await scene.clock.advance(31);
    scene.backend.fail("extend", undefined, 1_000);
    await first.release();
    await scene.clock.advance(600);
    expect(short.errors.get(0)).toMatchObject({ code: "LOCK_BACKEND" });
  });

  it("free the key although the release fails that ends their turn", async () => {
    const many = scene.crowd(1);
    const short = scene.crowd(1, { ...OPTIONS, wait: 100 });
    const first = await scene.firstAfter(held, many);
    await first.extend(3_600_000);
    scene.backend.fail("release");
    await first.release();
    await scene.clock.advance(2_000);
    expect(short.errors.size + short.leases.size).toBe(1);
    await short.leases.get(0)?.release();
    expect(await scene.rivals.inspect(KEY)).toBeNull();
  });

  it("are told by a release that the lease was taken by force, once the server was asked", async () => {
    const many = scene.crowd(2);
    const first = await scene.firstAfter(held, many);
    await scene.clock.advance(31);
    await scene.rivals.forceRelease(KEY);
    const releasing = first.release();
    await scene.clock.advance(0);
    expect(await releasing).toBe("expired");
    await (await scene.theLease(many, 1)).release();
    expect(await scene.rivals.inspect(KEY)).toBeNull();
  });

  it("show the fencing token of who adopted what one of them gave away", async () => {
    const many = scene.crowd(2);
    await (await scene.firstAfter(held, many)).release();
    const adopted = await scene.rivals.adopt((await scene.theLease(many, 1)).toTicket());
    const [shown] = (await scene.rivals.inspect(KEY))?.holders ?? [];
    expect(shown?.fencingToken).toBe(adopted.fencingToken);
  });

  it("keep their place when they were granted too late", async () => {
    const first = scene.crowd(1, { ...OPTIONS, ttl: 1_000 });
    const second = scene.crowd(1, { ...OPTIONS, ttl: 2_000 });
    const third = scene.crowd(1, { ...OPTIONS, ttl: 4_000 });
    await scene.clock.advance(0);
    await held.release();
    scene.clock.block(995);
    await scene.clock.advance(50);
    await (await scene.theLease(second, 0)).release();
    await (await scene.theLease(first, 0)).release();
    await (await scene.theLease(third, 0)).release();
  });
});

import { describe, expect, it } from "vitest";
import { lockKeys } from "../../src/backends/redis/keys.ts";
import { ask, granted, rival, useTwoBackends } from "../support/two-backends.ts";

/** Of what the server keeps, whatever client asks for it. */
const scene = useTwoBackends();

const pttl = async (key: string) => Number(await scene.admin.command("PTTL", key));

describe("an offer", () => {
  const modes = [{ kind: "exclusive" }, { kind: "shared" }, { kind: "permits", permits: 3 }] as const;

  it.each(modes)(
    "is for a second or the ttl, and, once asked for, a lease of the whole ttl: %o",
    async (mode) => {
      for (const ttl of [20_000, 700]) {
        const held = ask();
        await granted(scene.one, held);
        const waiter = rival(held, { queue: true, mode, ttl });
        expect((await scene.two.tryAcquire(waiter)).status).toBe("busy");
        await scene.one.release(held);
        const [lock] = lockKeys(held);
        const [offered] = (await scene.one.admin?.inspect(held))?.holders ?? [];
        expect(offered?.fencingToken).toBeUndefined();
        for (const left of [await pttl(lock), offered?.remaining]) {
          expect(left).toBeLessThanOrEqual(Math.min(1_000, ttl));
        }
        const { fencingToken, ttl: told } = await granted(scene.two, waiter);
        expect(told).toBe(ttl);
        const [lease] = (await scene.one.admin?.inspect(held))?.holders ?? [];
        expect(lease?.fencingToken).toBe(fencingToken);
        for (const left of [await pttl(lock), lease?.remaining]) expect(left).toBeGreaterThan(ttl / 4);
        await scene.two.release(waiter);
      }
    },
  );

  it("of a slot is of that slot also when it was asked for", async () => {
    const mode = { kind: "permits", permits: 2, slot: "any" } as const;
    const first = ask({ mode });
    const second = rival(first);
    for (const request of [first, second]) await granted(scene.one, request);
    const waiter = rival(first, { queue: true });
    expect((await scene.two.tryAcquire(waiter)).status).toBe("busy");
    await scene.one.release(second);
    expect((await granted(scene.two, waiter)).slot).toBe(2);
    const { holders = [] } = (await scene.one.admin?.inspect(first)) ?? {};
    expect(holders.map(({ slot }) => slot).toSorted()).toEqual([1, 2]);
    for (const request of [first, waiter]) await scene.two.release(request);
  });

  it("that is asked for says that its process lives, on behalf of all that wait behind it", async () => {
    const held = ask();
    await granted(scene.one, held);
    const [first, second] = [rival(held, { queue: true }), rival(held, { queue: true })];
    for (const request of [first, second]) await scene.two.tryAcquire(request);
    const [, , , liveness] = lockKeys(held);
    const aliveFor = async () => {
      const [channel = ""] = (await scene.admin.command("ZRANGE", liveness, "0", "-1")) as string[];
      const until = await scene.admin.command("ZSCORE", liveness, channel);
      return Number(until) / 1_000 - Date.now();
    };
    await scene.one.release(held);
    expect(await aliveFor()).toBeLessThan(1_500);
    await granted(scene.two, first);
    expect(await aliveFor()).toBeGreaterThan(2_000);
    for (const request of [first, second]) await scene.two.cancel(request, false);
  });

  it("goes to no process that was silent for too long: all its waiters are passed over at once", async () => {
    const held = ask();
    await granted(scene.two, held);
    const silent = [rival(held, { queue: true }), rival(held, { queue: true })];
    for (const request of silent) await scene.one.tryAcquire(request);
    const [, , , liveness] = lockKeys(held);
    const [channel = ""] = (await scene.admin.command("ZRANGE", liveness, "0", "-1")) as string[];
    const waiter = rival(held, { queue: true });
    await scene.two.tryAcquire(waiter);
    await scene.admin.command("ZADD", liveness, "1", channel);
    await scene.two.release(held);
    const [offered] = (await scene.two.admin?.inspect(held))?.holders ?? [];
    expect(offered?.token).toBe(waiter.token.slice(0, 8));
    for (const request of silent) await scene.one.cancel(request, false);
    await scene.two.cancel(waiter, false);
  });
});

import { describe, expect, it } from "vitest";
import { lockKeys } from "../../src/backends/redis/keys.ts";
import type { AcquireRequest } from "../../src/contract/backend.ts";
import { newOwnerToken } from "../../src/contract/host.ts";
import { eventually } from "../../src/testing/test-api.ts";
import {
  ask,
  dead,
  granted,
  newKey,
  openTwoBackends,
  served,
  type TwoProcesses,
  useTwoBackends,
} from "../support/two-backends.ts";

/** Who may enter beside whom, and past whom: what queue.lua decides, whatever client carries it. */
const scene = useTwoBackends();

describe("the line", () => {
  const shared = { kind: "shared" } as const;
  const permits = (count: number, slot?: number | "any") =>
    ({ kind: "permits", permits: count, ...(slot === undefined ? {} : { slot }) }) as const;
  const queued = (key: string, options: Partial<AcquireRequest> = {}) =>
    ask({ key, queue: true, ...options });
  const attempt = async (request: AcquireRequest, backend = scene.one) =>
    (await backend.tryAcquire(request)).status;
  const state = async (key: string, { two }: Pick<TwoProcesses, "two"> = scene) => {
    const {
      holding = 0,
      waiting: count = 0,
      holders = [],
    } = (await two.admin?.inspect({ prefix: "lock", key })) ?? {};
    return { holding, waiting: count, slots: holders.map(({ slot }) => slot) };
  };

  /** A waiter of a process that is believed alive, but hears nothing. */
  async function addDeaf(key: string, mode: string): Promise<void> {
    const [, , queue, liveness] = lockKeys({ prefix: "lock", key });
    const channel = `lock:wake:deaf-${newOwnerToken()}`;
    await scene.admin.command("ZADD", queue, "1", `${"d".repeat(22)} ${channel} 10000 ${mode} {}`);
    await scene.admin.command("ZADD", liveness, String((Date.now() + 60_000) * 1_000), channel);
  }

  it("gives out no slot beyond the smallest number of permits that was asked for", async () => {
    const key = newKey();
    const one = ask({ key, mode: permits(2, 1) });
    const three = ask({ key, mode: permits(3, 3) });
    await granted(scene.one, one);
    expect(await attempt(three, scene.two)).toBe("busy");
    await scene.one.release(one);
    expect(await attempt(three, scene.two)).toBe("granted");
  });

  it("keeps the order of those who come in one tick, which have the same time", async () => {
    const key = newKey();
    await granted(scene.one, ask({ key }));
    const crowd = Array.from({ length: 20 }, () => queued(key));
    await Promise.all(crowd.map((request) => attempt(request)));
    const [, , queue] = lockKeys({ prefix: "lock", key });
    const members = await scene.admin.command("ZRANGE", queue, "0", "-1");
    const tokens = Array.isArray(members) ? members.map((member) => String(member).split(" ")[0]) : [];
    expect(tokens).toEqual(crowd.map(({ token }) => token));
  });

  it("passes over no process because a waiter of it with a short ttl did not ask in time", async () => {
    const key = newKey();
    const held = ask({ key });
    await granted(scene.one, held);
    const [short, fellow, last, newcomer] = [15, 10_000, 10_000, 10_000].map((ttl) => queued(key, { ttl }));
    if (!short || !fellow || !last || !newcomer) throw new Error("four were asked for");
    for (const request of [short, fellow]) expect(await attempt(request, scene.two)).toBe("busy");
    expect(await attempt(last)).toBe("busy");
    await scene.one.release(held);
    await eventually("the offer has ended", async () =>
      (await state(key)).holding === 0 ? true : undefined,
    );
    expect(await attempt(newcomer)).toBe("busy");
    expect(await attempt(last)).toBe("busy");
    expect(await attempt(fellow, scene.two)).toBe("granted");
  });

  it("lets in at once those who waited for one that gave up", async () => {
    const key = newKey();
    const reader = ask({ key, mode: shared });
    await granted(scene.two, reader);
    const writer = queued(key);
    expect(await attempt(writer)).toBe("busy");
    for (const request of [queued(key, { mode: shared }), queued(key, { mode: shared })]) {
      expect(await attempt(request)).toBe("busy");
    }
    await scene.one.cancel(writer, false);
    expect(await state(key)).toMatchObject({ holding: 3, waiting: 0 });
  });

  it("passes on a permit of one that gives up in the moment in which it was granted", async () => {
    const key = newKey();
    const mode = permits(1);
    const held = ask({ key, mode });
    await granted(scene.two, held);
    const [first, second] = [queued(key, { mode }), queued(key, { mode })];
    for (const request of [first, second]) expect(await attempt(request)).toBe("busy");
    await scene.two.release(held);
    await scene.one.cancel(first, false);
    expect(await attempt(second)).toBe("granted");
    expect(await state(key)).toMatchObject({ holding: 1, waiting: 0 });
  });

  it("is ruled by the smallest number of permits also of those who wait", async () => {
    const key = newKey();
    for (let held = 0; held < 2; held++) await granted(scene.two, ask({ key, mode: permits(3) }));
    expect(await attempt(queued(key, { mode: permits(2) }))).toBe("busy");
    expect(await attempt(ask({ key, mode: permits(3) }), scene.two)).toBe("busy");
    expect((await scene.two.admin?.inspect({ prefix: "lock", key }))?.permits).toBe(2);
    expect(await state(key)).toMatchObject({ holding: 2, waiting: 1 });
  });

  it("is not passed by readers while one waits for a slot", async () => {
    const key = newKey();
    await granted(scene.two, ask({ key, mode: shared }));
    expect(await attempt(queued(key, { mode: permits(2, 1) }))).toBe("busy");
    expect(await attempt(ask({ key, mode: shared }), scene.two)).toBe("busy");
  });

  it("is passed only by readers while a reader waits for another key", async () => {
    const [a, b] = [newKey(), newKey()];
    await granted(scene.two, ask({ key: b }));
    expect(await attempt(queued(a, { keys: [a, b], mode: shared }))).toBe("busy");
    expect(await attempt(ask({ key: a }), scene.two)).toBe("busy");
    expect(await attempt(queued(a), scene.two)).toBe("busy");
    expect(await attempt(ask({ key: a, mode: shared }), scene.two)).toBe("busy");
    expect(await state(a)).toMatchObject({ holding: 0, waiting: 2 });
    const later = newKey();
    await granted(scene.two, ask({ key: later }));
    expect(await attempt(queued(newKey(), { keys: [a, later], mode: shared }))).toBe("busy");
  });

  it("goes on behind one that wants a slot that stays taken, when another's lease ends", async () => {
    const key = newKey();
    await granted(scene.two, ask({ key, mode: permits(2, 1) }));
    await dead(scene.two, { key, mode: permits(2, 2), ttl: 300 });
    const [picky, any] = [queued(key, { mode: permits(2, 1) }), queued(key, { mode: permits(2, "any") })];
    for (const request of [picky, any]) expect(await attempt(request)).toBe("busy");
    // Only the first of a process asks again.
    await eventually("the other slot", async () => {
      expect(await attempt(picky)).toBe("busy");
      return (await state(key)).slots.length === 2 && (await state(key)).waiting === 1 ? true : undefined;
    });
    expect(await attempt(any)).toBe("granted");
  });

  it("gives two that come in together different slots", async () => {
    const key = newKey();
    const held = ask({ key });
    await granted(scene.two, held);
    for (let index = 0; index < 2; index++) {
      expect(await attempt(queued(key, { mode: permits(3, "any") }))).toBe("busy");
    }
    await scene.two.release(held);
    expect((await state(key)).slots.toSorted()).toEqual([1, 2]);
  });

  it.concurrent.each(["p1", "p1:0", "s", "x"])(
    "keeps for a moment what nobody asks for, and then serves the next: %s",
    async (mode) => {
      await using own = await openTwoBackends(scene.url);
      const { one, two } = own;
      const key = newKey();
      const held = ask({ key });
      await granted(two, held);
      const next = queued(key, { mode: permits(1, "any") });
      expect(await attempt(next, one)).toBe("busy");
      await addDeaf(key, mode);
      await two.release(held);
      expect((await state(key, own)).waiting).toBe(1);
      await served(one, next);
      expect(await state(key, own)).toEqual({ holding: 1, waiting: 0, slots: [1] });
    },
  );

  it("counts nobody whose lease has ended, while another's goes on", async () => {
    const key = newKey();
    const mode = permits(2);
    const lasting = ask({ key, mode });
    await granted(scene.two, lasting);
    await dead(scene.two, { key, mode, ttl: 200 });
    expect(await attempt(ask({ key, mode }))).toBe("busy");
    const late = ask({ key, mode });
    await eventually("a permit", async () => ((await attempt(late)) === "granted" ? true : undefined));
    expect((await scene.two.extend(lasting, 1)).status).toBe("renewed");
  });

  it("does not grant several keys to one that is not first for each of them", async () => {
    const [a, b, c] = [newKey(), newKey(), newKey()];
    const [holdsA, holdsC] = [ask({ key: a }), ask({ key: c })];
    await granted(scene.two, holdsA);
    await granted(scene.two, holdsC);
    const [first, second] = [queued(b, { keys: [b, c] }), queued(a, { keys: [a, b] })];
    for (const request of [first, second]) expect(await attempt(request)).toBe("busy");
    await scene.two.release(holdsA);
    expect([(await state(a)).holding, (await state(b)).holding]).toEqual([0, 0]);
    await scene.two.release(holdsC);
    expect(await attempt(first)).toBe("granted");
    expect([(await state(a)).holding, (await state(b)).holding]).toEqual([0, 1]);
  });

  it("waits a second at most for one that was told that a key is ready, of several that have long names", async () => {
    const long = () => newKey().padEnd(600, "-");
    const [a, b] = [long(), long()];
    const held = ask({ key: a });
    await granted(scene.two, held);
    expect(await attempt(queued(a, { keys: [a, b] }))).toBe("busy");
    const liveness = lockKeys(held)[3];
    const aliveFor = async () => {
      const [channel = ""] = (await scene.admin.command("ZRANGE", liveness, "0", "-1")) as string[];
      return Number(await scene.admin.command("ZSCORE", liveness, channel)) / 1_000 - Date.now();
    };
    expect(await aliveFor()).toBeGreaterThan(2_000);
    await scene.two.release(held);
    expect(await aliveFor()).toBeLessThan(1_500);
  });

  it("grants several keys to one of two that wait for the same", async () => {
    const [a, b] = [newKey(), newKey()];
    await dead(scene.two, { key: a, keys: [a, b], ttl: 400 });
    const both = { keys: [a, b] as const };
    const [first, second] = [queued(a, both), queued(a, both)];
    for (const request of [first, second]) expect(await attempt(request)).toBe("busy");
    // The second asks when nobody has been served yet: it serves the first, and has to wait on.
    await eventually("a grant", async () => {
      expect(await attempt(second)).toBe("busy");
      return (await state(a)).waiting === 1 ? true : undefined;
    });
    expect(await attempt(first)).toBe("granted");
    for (const key of [a, b]) expect(await state(key)).toMatchObject({ holding: 1, waiting: 1 });
  });
});

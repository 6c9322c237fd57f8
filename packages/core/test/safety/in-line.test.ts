import { describe, expect, it } from "vitest";
import type { AcquireRequest } from "../../src/backend.ts";
import { lockKeys } from "../../src/backends/redis/keys.ts";
import { RedisBackend } from "../../src/backends/redis/redis-backend.ts";
import {
  adoptScript,
  releaseScript,
  retainScript,
  withdrawScript,
} from "../../src/backends/redis/scripts/index.ts";
import { createLocks, type Lease, type Locks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ask, granted, rival, useTwoBackends } from "../support/two-backends.ts";

/** Nobody waits who could be served, whatever was lost on the way. On Redis, below its rechecks of a second. */
const scene = useTwoBackends();

/** Well below a ttl, which is what a mistake would cost, and well above what a busy machine needs. */
const SOON = 6_000;

let made = 0;
const newKey = (): string => `line ${String(made++).padStart(4, "0")}`;

const waiting = (locks: Locks, key: string, count: number) =>
  eventually(`${count} waiters`, async () =>
    ((await locks.inspect(key))?.waiting ?? 0) === count ? true : undefined,
  );

/** A backend whose next requests of one kind are lost. */
function losing(sha: string, isExecuted = false) {
  const { driver } = scene.clients[0] ?? scene.admin;
  const state = { left: 0 };
  const backend = new RedisBackend({
    ...driver,
    evalsha: async (asked, keys, args) => {
      if (asked !== sha || state.left === 0) return driver.evalsha(asked, keys, args);
      state.left -= 1;
      if (isExecuted) await driver.evalsha(asked, keys, args);
      throw new Error("Command timed out");
    },
  });
  return { state, backend };
}

/** A holder that will not release: its process has died. */
async function dead(options: Partial<AcquireRequest> & { key: string }): Promise<void> {
  await granted(scene.two, ask({ ttl: 600, ...options }));
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work;
  expect(performance.now() - start).toBeLessThan(ms);
  return result;
}

describe("a waiter", () => {
  it("stands in the queue although other locks of its backend were closed, and is heard of when it leaves", async () => {
    const locks = createLocks({ backend: scene.one });
    const others = createLocks({ backend: scene.one, prefix: "other" });
    const key = newKey();
    await dead({ key });
    const first = locks.acquire(key);
    await waiting(locks, key, 1);
    await others.close();
    const lease = await first;
    expect((await locks.inspect(key))?.waiting).toBe(0);
    const second = locks.acquire(key, { wait: 20_000 });
    await waiting(locks, key, 1);
    await lease.release();
    await (await within(SOON, second)).release();
    await locks.close();
  });

  it("whose withdrawal was lost does not keep readers waiting behind it", async () => {
    const { state, backend } = losing(withdrawScript.sha);
    const [locks, rivals] = [createLocks({ backend }), createLocks({ backend: scene.two })];
    const key = newKey();
    const reader = await rivals.readWrite(key).read.acquire();
    state.left = 1;
    await expect(locks.acquire(key, { wait: 200 })).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
    const second = locks.readWrite(key).read.acquire({ wait: 20_000 });
    await (await within(SOON, second)).release();
    await reader.release();
    await locks.close();
    await rivals.close();
  });

  it("for several keys whose withdrawal was lost keeps none of them", async () => {
    const { state, backend } = losing(withdrawScript.sha);
    const [locks, rivals] = [createLocks({ backend }), createLocks({ backend: scene.two })];
    const [a, b] = [newKey(), newKey()];
    const held = await rivals.acquire(b);
    state.left = 1;
    await expect(locks.acquire([a, b], { wait: 200 })).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
    await (await within(SOON, locks.acquire(a, { wait: 20_000 }))).release();
    await held.release();
    await locks.close();
    await rivals.close();
  });

  it("that is handed the lock anew after its release had failed keeps it", async () => {
    const { state, backend } = losing(releaseScript.sha);
    await backend.hint(ask());
    const held = ask();
    await granted(scene.two, held);
    const [first, second] = [rival(held, { queue: true }), rival(held, { queue: true })];
    await backend.attempt(first);
    const toFirst = backend.hint(first);
    await backend.attempt(second);
    const passed = backend.hint(second);
    await scene.two.release(held);
    expect(await toFirst).not.toBeNull();
    await backend.release(first);
    expect(await passed).not.toBeNull();
    state.left = 1;
    await expect(backend.release(second)).rejects.toThrow();
    expect((await backend.attempt(second)).status).toBe("busy");
    const again = backend.hint(second);
    await scene.two.forceRelease(held, undefined);
    expect(await again).not.toBeNull();
    expect((await scene.two.extend(second, 1)).status).toBe("renewed");
    expect((await scene.two.attempt(rival(held))).status).toBe("busy");
    await backend.release(second);
    await backend.close();
  });

  it("that was served is not in the queue any more when its lock is kept for minHold", async () => {
    const { state, backend } = losing(retainScript.sha);
    await backend.hint(ask());
    const [locks, rivals] = [createLocks({ backend }), createLocks({ backend: scene.two })];
    const key = newKey();
    const before = await rivals.acquire(key);
    const first = locks.acquire(key);
    const second = locks.acquire(key, { minHold: 300 });
    await waiting(rivals, key, 2);
    await before.release();
    await (await first).release();
    const lease: Lease = await second;
    state.left = 1;
    expect(await lease.release()).toBe("released");
    await (await within(SOON, rivals.acquire(key, { wait: 20_000 }))).release();
    expect(await rivals.inspect(key)).toBeNull();
    await locks.close();
    await rivals.close();
  });
});

describe("the line", () => {
  const shared = { kind: "shared" } as const;
  const permits = (count: number, slot?: number | "any") =>
    ({ kind: "permits", permits: count, ...(slot === undefined ? {} : { slot }) }) as const;
  const queued = (key: string, options: Partial<AcquireRequest> = {}) =>
    ask({ key, queue: true, ...options });
  const attempt = async (request: AcquireRequest, backend = scene.one) =>
    (await backend.attempt(request)).status;
  const state = async (key: string) => {
    const {
      holding = 0,
      waiting: count = 0,
      holders = [],
    } = (await scene.two.inspect({ prefix: "lock", key })) ?? {};
    return { holding, waiting: count, slots: holders.map(({ slot }) => slot) };
  };

  /** A waiter of a process that is believed alive, but hears nothing. */
  async function addDeaf(key: string, mode: string): Promise<void> {
    const [, , queue, presence] = lockKeys({ prefix: "lock", key });
    const channel = `lock:wake:deaf-${made++}`;
    await scene.admin.command("ZADD", queue, "1", `${"d".repeat(22)} ${channel} 10000 ${mode} {}`);
    await scene.admin.command("ZADD", presence, String((Date.now() + 60_000) * 1_000), channel);
  }

  it("lets in at once those who waited for one that gave up", async () => {
    const key = newKey();
    const reader = ask({ key, mode: shared });
    await granted(scene.two, reader);
    const writer = queued(key);
    expect(await attempt(writer)).toBe("busy");
    for (const request of [queued(key, { mode: shared }), queued(key, { mode: shared })]) {
      expect(await attempt(request)).toBe("busy");
    }
    await scene.one.withdraw(writer, false);
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
    await scene.one.withdraw(first, false);
    expect(await attempt(second)).toBe("granted");
    expect(await state(key)).toMatchObject({ holding: 1, waiting: 0 });
  });

  it("is ruled by the smallest number of permits also of those who wait", async () => {
    const key = newKey();
    for (let held = 0; held < 2; held++) await granted(scene.two, ask({ key, mode: permits(3) }));
    expect(await attempt(queued(key, { mode: permits(2) }))).toBe("busy");
    expect(await attempt(ask({ key, mode: permits(3) }), scene.two)).toBe("busy");
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
    const later = newKey();
    await granted(scene.two, ask({ key: later }));
    expect(await attempt(queued(newKey(), { keys: [a, later], mode: shared }))).toBe("busy");
  });

  it("goes on behind one that wants a slot that stays taken, when another's lease ends", async () => {
    const key = newKey();
    await granted(scene.two, ask({ key, mode: permits(2, 1) }));
    await dead({ key, mode: permits(2, 2), ttl: 300 });
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

  it.each(["p1", "p1:0", "s", "x"])(
    "takes back what nobody heard of, and serves the next: %s",
    async (mode) => {
      const key = newKey();
      const held = ask({ key });
      await granted(scene.two, held);
      const next = queued(key, { mode: permits(1, "any") });
      expect(await attempt(next)).toBe("busy");
      await addDeaf(key, mode);
      await scene.two.release(held);
      expect(await state(key)).toEqual({ holding: 1, waiting: 0, slots: [1] });
      expect(await attempt(next)).toBe("granted");
    },
  );

  it("counts nobody whose lease has ended, while another's goes on", async () => {
    const key = newKey();
    const mode = permits(2);
    const lasting = ask({ key, mode });
    await granted(scene.two, lasting);
    await dead({ key, mode, ttl: 200 });
    expect(await attempt(ask({ key, mode }))).toBe("busy");
    const late = ask({ key, mode });
    await eventually("a permit", async () => ((await attempt(late)) === "granted" ? true : undefined));
    expect((await scene.two.extend(lasting, 1)).status).toBe("renewed");
  });

  it("grants several keys to one of two that wait for the same", async () => {
    const [a, b] = [newKey(), newKey()];
    await dead({ key: a, keys: [a, b], ttl: 400 });
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

describe("an adoption", () => {
  it("whose answers were all lost is given back", async () => {
    // The server must know the script, or it is run by its source.
    await scene.admin.driver.eval(adoptScript.source, [], []);
    const { state, backend } = losing(adoptScript.sha, true);
    const [locks, rivals] = [createLocks({ backend, wait: 200 }), createLocks({ backend: scene.two })];
    const key = newKey();
    const ticket = (await rivals.acquire(key)).toTicket();
    state.left = 1_000;
    await expect(locks.adopt(ticket)).rejects.toMatchObject({ code: "LOCK_BACKEND" });
    await (await within(SOON, rivals.acquire(key, { wait: 20_000 }))).release();
    await locks.close();
    await rivals.close();
  });
});

describe("what the server keeps", () => {
  it("ends with the last lease of many, not with the longest ttl", async () => {
    const locks = createLocks({ backend: scene.one });
    const key = newKey();
    const [lock, , , , holders] = lockKeys({ prefix: "lock", key });
    await locks.readWrite(key).read.using({ minHold: 200 }, () => undefined);
    const long = await locks.readWrite(key).read.acquire();
    await dead({ key, mode: { kind: "shared" }, ttl: 400 });
    await long.release();
    for (const name of [lock, holders]) {
      const left = Number(await scene.admin.command("PTTL", name));
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(401);
    }
    await locks.close();
  });

  it("is nothing at once when the last reader leaves", async () => {
    const locks = createLocks({ backend: scene.one });
    const key = newKey();
    const names = lockKeys({ prefix: "lock", key });
    await locks.readWrite(key).read.using(() => undefined);
    expect(await scene.admin.command("EXISTS", names[0], names[2], names[4])).toBe(0);
    await locks.close();
  });
});

import { describe, expect, it } from "vitest";
import { lockKeys } from "../../src/backends/redis/keys.ts";
import batch from "../../src/backends/redis/lua/batch.lua";
import counting from "../../src/backends/redis/lua/fence.lua";
import { acquireScript } from "../../src/backends/redis/lua/index.ts";
import { defineScript } from "../../src/backends/redis/script.ts";
import type { LockBackend } from "../../src/contract/backend.ts";
import { newOwnerToken } from "../../src/contract/host.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6 } from "../support/clients.ts";
import {
  ask,
  granted,
  openTwoBackends,
  type Request,
  rival,
  served,
  type TwoProcesses,
  useTwoBackends,
} from "../support/two-backends.ts";

/** What only the scripts can get right, whatever client carries them. */
const scene = useTwoBackends();

const hourAhead = (): string => String((Date.now() + 3_600_000) * 1_000);
const pttl = async (key: string) => Number(await scene.admin.command("PTTL", key));

describe("ownership", () => {
  it("is of the whole token: neither one that begins alike nor a part of it will do", async () => {
    const token = newOwnerToken();
    const held = ask({ token });
    await granted(scene.one, held);
    for (const other of [token.slice(0, -1), `${token}x`, `${token.slice(0, 8)}${"x".repeat(14)}`]) {
      const stranger = { ...held, token: other };
      expect(await scene.two.release(stranger)).toBe("notHeld");
      expect(await scene.two.extend(stranger, 20_000)).toEqual({ status: "lost", reason: "stolen" });
      expect(await scene.two.release(stranger, { after: 1 })).toBe("notHeld");
      expect((await scene.two.tryAcquire(stranger)).status).toBe("busy");
      await scene.two.cancel(stranger, false);
    }
    expect(await scene.one.release(held)).toBe("released");
  });

  it("is answered again with the time that is left, not with a new ttl", async () => {
    const held = ask();
    await granted(scene.one, held);
    await scene.admin.command("PEXPIRE", lockKeys(held)[0], "5000");
    expect((await granted(scene.one, held)).ttl).toBeLessThanOrEqual(5_000);
    await scene.one.release(held);
  });

  it("gets an end again by the next extend, should another program have taken it away", async () => {
    const held = ask();
    await granted(scene.one, held);
    await scene.admin.command("PERSIST", lockKeys(held)[0]);
    expect(await scene.one.extend(held, 3_000)).toMatchObject({ status: "renewed", ttl: 3_000 });
    expect(await pttl(lockKeys(held)[0])).toBeGreaterThan(0);
    await scene.one.release(held);
  });

  it("ends with its own cancellation", async () => {
    const held = ask();
    await granted(scene.one, held);
    await scene.one.cancel(held, false);
    expect(await scene.two.admin?.inspect(held)).toBeNull();
  });

  it("is not lost by another's cancellation", async () => {
    const held = ask();
    await granted(scene.one, held);
    await scene.two.cancel(rival(held), true);
    expect((await scene.one.extend(held, 20_000)).status).toBe("renewed");
    await scene.one.release(held);
  });
});

describe("fences", () => {
  it("differ within one microsecond, and the counter is the last of them", async () => {
    const twice = defineScript(
      "twice",
      batch,
      counting,
      `local now = server_time()
       local function once() return mint(KEYS[2], 60000, now, whole(now)) end
       return { once(), once(), redis.call('GET', KEYS[2]) }`,
    );
    const [lock, fence] = lockKeys(ask());
    const [first, second, kept] = (await scene.admin.driver.eval(
      twice.source,
      [lock, fence],
      [],
    )) as string[];
    expect(Number(second)).toBeGreaterThan(Number(first));
    expect(kept).toBe(second);
    expect(await pttl(fence)).toBeGreaterThan(50_000);
  });

  it.each([0, 1])(
    "of several keys are larger than any before of each, and smaller than any after: %i",
    async (ahead) => {
      const [a, b] = [ask(), ask()];
      const counter = hourAhead();
      await scene.admin.command("SET", lockKeys(ahead === 0 ? a : b)[1], counter, "PX", "60000");
      const both = ask({ keys: [a.key, b.key] });
      const { fencingToken } = await granted(scene.one, both);
      expect(fencingToken).toBeGreaterThan(Number(counter));
      await scene.one.release(both);
      for (const each of [a, b]) {
        expect((await granted(scene.two, each)).fencingToken).toBeGreaterThan(fencingToken);
      }
    },
  );

  it.each([{ kind: "exclusive" }, { kind: "permits", permits: 1 }] as const)(
    "are larger than what the counter was raised to by an extend: %o",
    async (mode) => {
      const held = ask({ mode });
      await granted(scene.one, held);
      const raised = Number(hourAhead());
      expect((await scene.one.extend(held, 20_000, { fence: raised })).status).toBe("renewed");
      await scene.one.release(held);
      expect((await granted(scene.two, rival(held))).fencingToken).toBeGreaterThan(raised);
    },
  );

  it("grow from hand-over to hand-over, also where the counter is ahead of the clock", async () => {
    const held = ask();
    await granted(scene.one, held);
    const waiters = [1, 2, 3].map(() => rival(held, { queue: true }));
    for (const waiter of waiters) await scene.two.tryAcquire(waiter);
    await scene.admin.command("SET", lockKeys(held)[1], hourAhead(), "PX", "60000");
    await scene.one.release(held);
    const fences: number[] = [];
    for (const waiter of waiters) {
      fences.push((await served(scene.two, waiter)).fencingToken);
      await scene.two.release(waiter);
    }
    fences.push((await granted(scene.one, rival(held))).fencingToken);
    expect(fences).toEqual([...new Set(fences)].toSorted((a, b) => a - b));
  });

  it.each([
    ["exclusive", { kind: "exclusive" }],
    ["shared", { kind: "shared" }],
    ["permits", { kind: "permits", permits: 2 }],
  ] as const)(
    "count anew where a counter is no number that can grow, and say so once: %s",
    async (_, mode) => {
      for (const counter of ["9007199254740991", "9223372036854775807", "1e300"]) {
        const request = ask({ mode });
        const fence = lockKeys(request)[1];
        await scene.admin.command("SET", fence, counter);
        await expect(scene.one.tryAcquire(request)).rejects.toMatchObject({
          code: "LOCK_BACKEND",
          retryable: true,
          ambiguous: false,
          message: expect.stringMatching(`counter.*${request.key}.*:fence`),
        });
        expect((await scene.two.admin?.inspect(request))?.holding ?? 0).toBe(0);
        const { fencingToken } = await granted(scene.one, request);
        expect(fencingToken).toBeGreaterThan((Date.now() - 3_600_000) * 1_000);
        expect(Number.isSafeInteger(fencingToken + 1)).toBe(true);
        await scene.one.release(request);
      }
    },
  );
});

describe("the queue", () => {
  const isFree = async (request: Request, { one }: Pick<TwoProcesses, "one"> = scene) =>
    ((await one.admin?.inspect(request))?.holding ?? 0) === 0;

  /** A waiter of a process that is gone; the server may not know that yet. */
  async function addDead(request: Request, aliveUntil: string | undefined): Promise<string> {
    const [, , queue, liveness] = lockKeys(request);
    const channel = `lock:wake:dead-${newOwnerToken()}`;
    await scene.admin.command("ZADD", queue, "1", `${newOwnerToken()} ${channel} 10000 x {}`);
    if (aliveUntil !== undefined) await scene.admin.command("ZADD", liveness, aliveUntil, channel);
    return channel;
  }

  it.each([false, true])(
    "is served when a lock went away by itself; who asks joins it: %s",
    async (queue) => {
      const held = ask();
      await granted(scene.one, held);
      const waiter = rival(held, { queue: true });
      await scene.two.tryAcquire(waiter);
      await scene.admin.command("DEL", lockKeys(held)[0]);
      expect((await scene.one.tryAcquire(rival(held, { queue }))).status).toBe("busy");
      await served(scene.two, waiter);
      expect(await scene.two.release(waiter)).toBe("released");
    },
  );

  it("is not overtaken although more dead than one call may pass over stand in front", async () => {
    const held = ask();
    const [lock, , queue] = lockKeys(held);
    await granted(scene.one, held);
    const dead = Array.from({ length: 1_001 }, (_, index) => [
      `${index + 1}`,
      `dead${index} nobody 1000 x {}`,
    ]);
    await scene.admin.command("ZADD", queue, ...dead.flat());
    const waiter = rival(held, { queue: true });
    await scene.two.tryAcquire(waiter);
    await scene.admin.command("DEL", lock);
    expect((await scene.one.tryAcquire(rival(held))).status).toBe("busy");
    expect(await isFree(held)).toBe(true);
    expect((await scene.one.tryAcquire(rival(held))).status).toBe("busy");
    await served(scene.two, waiter);
    await scene.two.release(waiter);
  });

  it.each([
    ["was never said to be alive", () => undefined],
    ["was alive until long ago", () => "1"],
    ["is said to be alive, but hears nothing", hourAhead],
  ])("passes over a process that %s", async (_, aliveUntil) => {
    const held = ask();
    await granted(scene.one, held);
    const waiter = rival(held, { queue: true });
    await scene.two.tryAcquire(waiter);
    const channel = await addDead(held, aliveUntil());
    await scene.one.release(held);
    await served(scene.two, waiter);
    // It was believed alive for the time of an offer at most.
    const isAlive = await scene.admin.command("ZSCORE", lockKeys(held)[3], channel);
    expect(Number(isAlive ?? 0)).toBeLessThan(Date.now() * 1_000);
    await scene.two.release(waiter);
    expect(await isFree(held)).toBe(true);
  });

  it.each([undefined, "1"])(
    "passes over a process that hears, but is not believed alive: %s",
    async (until) => {
      const held = ask();
      await granted(scene.one, held);
      const liveness = lockKeys(held)[3];
      const silent = rival(held, { queue: true });
      await scene.one.tryAcquire(silent);
      const [channel = ""] = (await scene.admin.command("ZRANGE", liveness, "0", "-1")) as string[];
      const waiter = rival(held, { queue: true });
      await scene.two.tryAcquire(waiter);
      await (until === undefined
        ? scene.admin.command("ZREM", liveness, channel)
        : scene.admin.command("ZADD", liveness, until, channel));
      await scene.one.release(held);
      await served(scene.two, waiter);
      await scene.two.release(waiter);
    },
  );

  it("is joined again at the old place", async () => {
    const held = ask();
    await granted(scene.one, held);
    const [first, second] = [rival(held, { queue: true }), rival(held, { queue: true })];
    await scene.two.tryAcquire(first);
    await scene.one.tryAcquire(second);
    await scene.admin.command("DEL", lockKeys(held)[2]);
    await scene.one.tryAcquire(second);
    await scene.two.tryAcquire(first);
    await scene.one.release(held);
    await served(scene.two, first);
    expect((await scene.one.admin?.inspect(held))?.waiting).toBe(1);
  });

  it("tells the same place again to one that asks again", async () => {
    const held = ask();
    await granted(scene.one, held);
    const header = [hourAhead(), "60000", "lock:wake:here 3000000 10000"];
    const place = async () => {
      const args = [...header, "token", "1000", "x", "0", "{}"];
      const [answer = ""] = (await scene.admin.driver.eval(
        acquireScript.source,
        lockKeys(held),
        args,
      )) as string[];
      return answer.split(" ")[3];
    };
    const told = await place();
    expect(await place()).toBe(told);
    const score = await scene.admin.command("ZSCORE", lockKeys(held)[2], "token lock:wake:here 1000 x {}");
    expect(String(score)).toBe(told);
  });

  /** How a key is let go, by each mode. */
  const endings = [
    ["release", (held: Request, one: LockBackend) => one.release(held)],
    ["cancellation", (held: Request, one: LockBackend) => one.cancel(held, false)],
    ["forced release", (held: Request, one: LockBackend) => one.admin?.forceRelease(held, undefined)],
  ] as const;
  const modes = [{ kind: "exclusive" }, { kind: "shared" }, { kind: "permits", permits: 1 }] as const;
  const cases = endings.flatMap(([title, end]) =>
    modes.flatMap((mode) => ["fence", "queue", "liveness"].map((key) => [key, title, mode, end] as const)),
  );
  it.concurrent.each(cases)(
    "a %s of another type does not keep a %s from freeing the key: %o",
    async (key, _, mode, end) => {
      await using own = await openTwoBackends(scene.url);
      const { one, two } = own;
      const held = ask({ mode });
      await granted(one, held);
      await two.tryAcquire(rival(held, { queue: true, mode: { kind: "exclusive" } }));
      const name = `${lockKeys(held)[0]}:${key}`;
      await scene.admin.command("DEL", name);
      await scene.admin.command("RPUSH", name, "a value of another type");
      // A cancellation reports what it could not clean up; the key is free all the same.
      await Promise.allSettled([end(held, one)]);
      await scene.admin.command("DEL", name);
      await eventually("a free key", async () => ((await isFree(held, own)) ? true : undefined));
      const next = rival(held, { mode: { kind: "exclusive" } });
      await eventually("a grant", async () =>
        (await one.tryAcquire(next)).status === "granted" ? true : undefined,
      );
    },
  );

  it.each(modes)("does not keep a holder from releasing where PUBLISH is refused: %o", async (mode) => {
    const user = `mute-${mode.kind}`;
    await scene.admin.command("ACL", "SETUSER", user, "on", ">secret", "~*", "&*", "+@all", "-publish");
    const mute = await ioredis6.connect(scene.url.replace("redis://", `redis://${user}:secret@`));
    const backend = mute.backend();
    const held = ask({ mode });
    await granted(backend, held);
    const waiter = rival(held, { queue: true, mode: { kind: "exclusive" } });
    await scene.two.tryAcquire(waiter);
    expect(await backend.release(held)).toBe("released");
    expect((await served(scene.two, waiter)).status).toBe("granted");
    await scene.two.release(waiter);
    await backend.close();
    mute.close();
  });

  it("and all that belongs to it goes away by itself", async () => {
    const held = ask();
    await granted(scene.one, held);
    const [, fence, queue, liveness] = lockKeys(held);
    await scene.two.tryAcquire(rival(held, { queue: true }));
    for (const key of [fence, queue, liveness]) expect(await pttl(key)).toBeGreaterThan(0);
    const other = ask();
    const cancelled = lockKeys(other)[3];
    await scene.admin.command("ZADD", cancelled, "1", "one that was cancelled long ago");
    await scene.one.cancel(other, true);
    expect(await pttl(cancelled)).toBeGreaterThan(0);
    expect(await scene.admin.command("ZRANGE", cancelled, "0", "-1")).toEqual([other.token]);
  });
});

describe("a batch of forced releases", () => {
  it("answers each for itself, also when one of the keys is of another program", async () => {
    const [held, foreign, free] = [ask(), ask(), ask()];
    const { fencingToken } = await granted(scene.one, held);
    await scene.admin.command("HSET", lockKeys(foreign)[0], "field", "value");
    const forced = [held, foreign, free].map((name) => scene.two.admin?.forceRelease(name, undefined));
    const [first, second, third] = await Promise.allSettled(forced);
    expect(first).toEqual({ status: "fulfilled", value: true });
    expect(second).toMatchObject({ status: "rejected", reason: { code: "LOCK_BACKEND" } });
    expect(third).toEqual({ status: "fulfilled", value: false });
    expect(await scene.admin.command("EXISTS", lockKeys(foreign)[0])).toBe(1);
    expect((await granted(scene.two, rival(held))).fencingToken).toBeGreaterThan(fencingToken);
  });
});

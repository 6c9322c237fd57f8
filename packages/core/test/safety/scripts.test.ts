import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AcquireRequest, Granted, LockBackend } from "../../src/backend.ts";
import type { RedisDriver } from "../../src/backends/redis/driver.ts";
import { lockKeys } from "../../src/backends/redis/keys.ts";
import { RedisBackend } from "../../src/backends/redis/redis-backend.ts";
import { defineScript } from "../../src/backends/redis/script.ts";
import batch from "../../src/backends/redis/scripts/batch.lua";
import grant from "../../src/backends/redis/scripts/grant.lua";
import { acquireScript, withdrawScript } from "../../src/backends/redis/scripts/index.ts";
import { createLocks } from "../../src/index.ts";
import { newOwnerToken } from "../../src/owner-token.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { FakeClock } from "../../src/testing.ts";
import { ioredis6, type TestClient } from "../support/clients.ts";
import { useRedis } from "../support/server.ts";

/** What only the scripts can get right, whatever client carries them. */
const redis = useRedis();
let admin: TestClient;
let clients: TestClient[];
let one: LockBackend;
let two: LockBackend;

beforeAll(async () => {
  admin = await ioredis6.connect(redis.url);
});
afterAll(() => admin.close());

beforeEach(async () => {
  clients = [await ioredis6.connect(redis.url), await ioredis6.connect(redis.url)];
  const [first, second] = clients.map((client) => client.backend());
  if (first === undefined || second === undefined) throw new Error("two clients were asked for");
  [one, two] = [first, second];
  // Their first contention lies behind them: requests queue at once.
  await Promise.all([first, second].map((backend) => backend.hint(ask())));
});
afterEach(async () => {
  await Promise.all([one.close(), two.close()]);
  for (const client of clients) client.close();
});

let made = 0;
const ask = (options: Partial<AcquireRequest> = {}): AcquireRequest => ({
  prefix: "lock",
  key: `script ${made++}`,
  token: newOwnerToken(),
  ttl: 10_000,
  holder: "here",
  meta: undefined,
  queue: false,
  ...options,
});
const rival = (request: AcquireRequest, options: Partial<AcquireRequest> = {}): AcquireRequest => ({
  ...request,
  token: newOwnerToken(),
  ...options,
});

async function granted(backend: LockBackend, request: AcquireRequest): Promise<Granted> {
  const outcome = await backend.attempt(request);
  if (outcome.status !== "granted") throw new Error("busy");
  return outcome;
}

const hourAhead = (): string => String((Date.now() + 3_600_000) * 1_000);
const pttl = async (key: string) => Number(await admin.command("PTTL", key));

describe("ownership", () => {
  it("is of the whole token: neither one that begins alike nor a part of it will do", async () => {
    const token = newOwnerToken();
    const held = ask({ token });
    await granted(one, held);
    for (const other of [token.slice(0, -1), `${token}x`, `${token.slice(0, 8)}${"x".repeat(14)}`]) {
      const stranger = { ...held, token: other };
      expect(await two.release(stranger)).toBe("notHeld");
      expect(await two.extend(stranger, 20_000)).toEqual({ status: "lost", reason: "stolen" });
      expect((await two.attempt(stranger)).status).toBe("busy");
      await two.withdraw(stranger, false);
    }
    expect(await one.release(held)).toBe("released");
  });

  it("is answered again with the time that is left, not with a new ttl", async () => {
    const held = ask();
    await granted(one, held);
    await admin.command("PEXPIRE", lockKeys(held)[0], "5000");
    expect((await granted(one, held)).ttl).toBeLessThanOrEqual(5_000);
    await one.release(held);
  });

  it("gets an end again by the next extend, should another program have taken it away", async () => {
    const held = ask();
    await granted(one, held);
    await admin.command("PERSIST", lockKeys(held)[0]);
    expect(await one.extend(held, 3_000)).toMatchObject({ status: "renewed", ttl: 3_000 });
    expect(await pttl(lockKeys(held)[0])).toBeGreaterThan(0);
    await one.release(held);
  });

  it("ends with its own withdrawal", async () => {
    const held = ask();
    await granted(one, held);
    await one.withdraw(held, false);
    expect(await two.inspect(held)).toBeNull();
  });

  it("is not lost by another's withdrawal", async () => {
    const held = ask();
    await granted(one, held);
    await two.withdraw(rival(held), true);
    expect((await one.extend(held, 20_000)).status).toBe("renewed");
    await one.release(held);
  });
});

describe("fences", () => {
  it("differ within one microsecond, and the counter is the last of them", async () => {
    const twice = defineScript(
      "twice",
      batch,
      grant,
      `local now = server_time()
       local function once() return grant(KEYS[1], KEYS[2], 'token', 1000, '{}', 60000, now) end
       return { once(), once(), redis.call('GET', KEYS[2]) }`,
    );
    const [lock, fence] = lockKeys(ask());
    const [first, second, kept] = (await admin.driver.eval(twice.source, [lock, fence], [])) as string[];
    expect(Number(second)).toBeGreaterThan(Number(first));
    expect(kept).toBe(second);
    expect(await pttl(fence)).toBeGreaterThan(50_000);
  });

  it("of a lock that is passed on are reserved: the next over the server is larger", async () => {
    const held = ask();
    await granted(one, held);
    const waiters = [1, 2, 3].map(() => rival(held, { queue: true }));
    const hints: Promise<Granted | null>[] = [];
    for (const waiter of waiters) {
      await two.attempt(waiter);
      hints.push(two.hint(waiter));
    }
    await admin.command("SET", lockKeys(held)[1], hourAhead(), "PX", "60000");
    await one.release(held);
    const fences: number[] = [];
    for (const [index, waiter] of waiters.entries()) {
      fences.push((await hints[index])?.fencingToken ?? 0);
      await two.release(waiter);
    }
    fences.push((await granted(one, rival(held))).fencingToken);
    expect(fences).toEqual([...new Set(fences)].toSorted((a, b) => a - b));
  });
});

describe("the queue", () => {
  const isFree = async (request: AcquireRequest) => (await one.inspect(request)) === null;

  /** A waiter of a process that is gone; the server may not know that yet. */
  async function addDead(request: AcquireRequest, aliveUntil: string | undefined): Promise<string> {
    const [, , queue, presence] = lockKeys(request);
    const channel = `lock:wake:dead-${newOwnerToken()}`;
    await admin.command("ZADD", queue, "1", `${newOwnerToken()} ${channel} 10000 {}`);
    if (aliveUntil !== undefined) await admin.command("ZADD", presence, aliveUntil, channel);
    return channel;
  }

  it.each([false, true])(
    "is served when a lock went away by itself; who asks joins it: %s",
    async (queue) => {
      const held = ask();
      await granted(one, held);
      const waiter = rival(held, { queue: true });
      await two.attempt(waiter);
      const news = two.hint(waiter);
      await admin.command("DEL", lockKeys(held)[0]);
      expect((await one.attempt(rival(held, { queue }))).status).toBe("busy");
      expect((await news)?.status).toBe("granted");
      expect(await two.release(waiter)).toBe("released");
    },
  );

  it("is not overtaken although more dead than one call may pass over stand in front", async () => {
    const held = ask();
    const [lock, , queue] = lockKeys(held);
    await granted(one, held);
    const dead = Array.from({ length: 1_001 }, (_, index) => [`${index + 1}`, `dead${index} nobody 1000 {}`]);
    await admin.command("ZADD", queue, ...dead.flat());
    const waiter = rival(held, { queue: true });
    await two.attempt(waiter);
    const news = two.hint(waiter);
    await admin.command("DEL", lock);
    expect((await one.attempt(rival(held))).status).toBe("busy");
    expect(await isFree(held)).toBe(true);
    expect((await one.attempt(rival(held))).status).toBe("busy");
    expect((await news)?.status).toBe("granted");
    await two.release(waiter);
  });

  it.each([
    ["was never said to be alive", () => undefined],
    ["was alive until long ago", () => "1"],
    ["is said to be alive, but hears nothing", hourAhead],
  ])("passes over a process that %s", async (_, aliveUntil) => {
    const held = ask();
    await granted(one, held);
    const waiter = rival(held, { queue: true });
    await two.attempt(waiter);
    const news = two.hint(waiter);
    const channel = await addDead(held, aliveUntil());
    await one.release(held);
    expect((await news)?.status).toBe("granted");
    const isAlive = await admin.command("ZSCORE", lockKeys(held)[3], channel);
    expect(Number(isAlive ?? 0)).toBeLessThan(2);
    await two.release(waiter);
    expect(await isFree(held)).toBe(true);
  });

  it.each([undefined, "1"])(
    "passes over a process that hears, but is not believed alive: %s",
    async (until) => {
      const held = ask();
      await granted(one, held);
      const presence = lockKeys(held)[3];
      const silent = rival(held, { queue: true });
      await one.attempt(silent);
      const [channel = ""] = (await admin.command("ZRANGE", presence, "0", "-1")) as string[];
      const waiter = rival(held, { queue: true });
      await two.attempt(waiter);
      const news = two.hint(waiter);
      await (until === undefined
        ? admin.command("ZREM", presence, channel)
        : admin.command("ZADD", presence, until, channel));
      await one.release(held);
      expect((await news)?.status).toBe("granted");
      await two.release(waiter);
    },
  );

  it("is joined again at the old place", async () => {
    const held = ask();
    await granted(one, held);
    const [first, second] = [rival(held, { queue: true }), rival(held, { queue: true })];
    await two.attempt(first);
    await one.attempt(second);
    await admin.command("DEL", lockKeys(held)[2]);
    await one.attempt(second);
    await two.attempt(first);
    const news = two.hint(first);
    await one.release(held);
    expect((await news)?.status).toBe("granted");
    expect((await one.inspect(held))?.waiting).toBe(1);
  });

  it("tells the same place again to one that asks again", async () => {
    const held = ask();
    await granted(one, held);
    const header = [hourAhead(), "60000", "lock:wake:here 3000000 10000 1"];
    const place = async () => {
      const args = [...header, "token", "1000", "0", "{}"];
      const [answer = ""] = (await admin.driver.eval(acquireScript.source, lockKeys(held), args)) as string[];
      return answer.split(" ")[3];
    };
    const told = await place();
    expect(await place()).toBe(told);
    const score = await admin.command("ZSCORE", lockKeys(held)[2], "token lock:wake:here 1000 {}");
    expect(String(score)).toBe(told);
  });

  it("does not keep a holder from releasing when it cannot be served", async () => {
    const held = ask();
    const [, fence] = lockKeys(held);
    await granted(one, held);
    await two.attempt(rival(held, { queue: true }));
    await admin.command("DEL", fence);
    await admin.command("RPUSH", fence, "a value of another type");
    expect(await one.release(held)).toBe("released");
    expect(await isFree(held)).toBe(true);
  });

  it("and all that belongs to it goes away by itself", async () => {
    const held = ask();
    await granted(one, held);
    const [, fence, queue, presence] = lockKeys(held);
    await two.attempt(rival(held, { queue: true }));
    for (const key of [fence, queue, presence]) expect(await pttl(key)).toBeGreaterThan(0);
    const other = ask();
    const withdrawn = lockKeys(other)[3];
    await admin.command("ZADD", withdrawn, "1", "one that was withdrawn long ago");
    await one.withdraw(other, true);
    expect(await pttl(withdrawn)).toBeGreaterThan(0);
    expect(await admin.command("ZRANGE", withdrawn, "0", "-1")).toEqual([other.token]);
  });
});

/** A process whose requests leave it, but are under way until the test delivers them. */
function slow(requestTimeout: number) {
  const [client] = clients;
  if (client === undefined) throw new Error("no client");
  const { driver } = client;
  const state: { isCut: boolean; deliver?: () => Promise<unknown>; withdrawn?: Promise<unknown> } = {
    isCut: false,
  };
  const evalsha: RedisDriver["evalsha"] = (sha, keys, args) => {
    if (!state.isCut) return driver.evalsha(sha, keys, args);
    if (sha === acquireScript.sha) state.deliver = () => driver.eval(acquireScript.source, keys, args);
    if (sha !== withdrawScript.sha) return new Promise(() => {});
    state.withdrawn = driver.eval(withdrawScript.source, keys, args);
    return state.withdrawn;
  };
  return { state, backend: new RedisBackend({ ...driver, evalsha }, { requestTimeout }) };
}

describe("a request that arrives late", () => {
  it.each([false, true])(
    "is refused, even if nobody withdrew it; the server's time was known: %s",
    async (known) => {
      const { state, backend } = slow(50);
      if (known) await granted(backend, ask());
      state.isCut = true;
      const request = ask();
      await expect(backend.attempt(request)).rejects.toMatchObject({ ambiguous: true });
      // Timers may be early by a millisecond.
      await new Promise((resume) => setTimeout(resume, 5));
      expect(await state.deliver?.()).toEqual([expect.stringMatching(/^late /)]);
      expect(await admin.command("EXISTS", ...lockKeys(request))).toBe(0);
    },
  );

  it.each([false, true])("is refused when it was withdrawn before; others wait: %s", async (contended) => {
    const { state, backend } = slow(10_000);
    await granted(backend, ask());
    state.isCut = true;
    const request = ask();
    if (contended) await granted(one, rival(request));
    backend.attempt(request).catch(() => undefined);
    const deliver = await eventually("a request under way", () => state.deliver);
    await backend.withdraw(request, true);
    expect(await deliver()).toEqual([expect.stringMatching(/^withdrawn /)]);
    expect((await one.inspect(request))?.holders.length ?? 0).toBe(contended ? 1 : 0);
  });
});

describe("a caller that gives up while its request is under way", () => {
  it("has it refused when it arrives", async () => {
    const { state, backend } = slow(10_000);
    const locks = createLocks({ backend });
    await granted(backend, ask());
    state.isCut = true;
    const request = ask();
    const abort = new AbortController();
    const acquiring = expect(locks.acquire(request.key, { signal: abort.signal })).rejects.toThrow("enough");
    const deliver = await eventually("a request under way", () => state.deliver);
    abort.abort(new Error("enough"));
    await acquiring;
    await eventually("a withdrawal", () => state.withdrawn);
    expect(await deliver()).toEqual([expect.stringMatching(/^withdrawn /)]);
    expect(await one.inspect(request)).toBeNull();
    await locks.close();
  });
});

describe("requests of one tick", () => {
  it("are all answered, each with its own answer, also when they are more than one batch", async () => {
    const requests = Array.from({ length: 150 }, () => ask());
    const busy = requests.filter((_, index) => index % 3 === 0);
    await Promise.all(busy.map((request) => granted(two, rival(request))));
    const outcomes = await Promise.all(requests.map((request) => one.attempt(request)));
    const expected = requests.map((request) => (busy.includes(request) ? "busy" : "granted"));
    expect(outcomes.map(({ status }) => status)).toEqual(expected);
  });
});

describe("an answer that takes its time", () => {
  it("shortens what may be believed: a lease counts from its request, a hand-over from its grant", async () => {
    const [client] = clients;
    if (client === undefined) throw new Error("no client");
    const { driver } = client;
    const clock = new FakeClock();
    const evalsha: RedisDriver["evalsha"] = async (...call) => {
      const reply = await driver.evalsha(...call);
      clock.block(500);
      return reply;
    };
    const backend = new RedisBackend({ ...driver, evalsha }, { clock });
    // From here on the server's time is known, and nothing is asked twice; and requests queue at once.
    await granted(backend, ask());
    await backend.hint(ask());
    const held = ask();
    const asked = clock.now();
    expect(await backend.attempt(held)).toMatchObject({ status: "granted", since: asked, ttl: 10_000 });
    const prolonged = clock.now();
    expect(await backend.extend(held, 20_000)).toMatchObject({ since: prolonged, ttl: 20_000 });
    await backend.release(held);

    await granted(one, held);
    const waiter = rival(held, { queue: true });
    expect((await backend.attempt(waiter)).status).toBe("busy");
    const queuedAt = clock.now();
    clock.block(5_000);
    const news = backend.hint(waiter);
    await one.release(held);
    const handed = await news;
    // The server's clock ran only for as long as this test did.
    expect(handed?.since.mono).toBeLessThan(queuedAt.mono + 2_500);
    await backend.release(waiter);
    await backend.close();
  });
});

describe("a waiter", () => {
  /** A process whose timers never fire, and whose messages and answers pass through the test. */
  function still(ears: { clock?: FakeClock; heard?: () => void; answered?: () => Promise<void> } = {}) {
    const [client] = clients;
    if (client === undefined) throw new Error("no client");
    const { driver } = client;
    const { clock = new FakeClock() } = ears;
    const openSubscriber: RedisDriver["openSubscriber"] = (inner) =>
      driver.openSubscriber({
        resumed: () => inner.resumed(),
        ended: () => inner.ended(),
        message: (text) => {
          inner.message(text);
          ears.heard?.();
        },
      });
    const evalsha: RedisDriver["evalsha"] = async (...call) => {
      const reply = await driver.evalsha(...call);
      await ears.answered?.();
      return reply;
    };
    return new RedisBackend({ ...driver, openSubscriber, evalsha }, { clock });
  }

  it("asks at once when its subscriber was cut off and is back: it may have missed the hand-over", async () => {
    const backend = still();
    const held = ask();
    await granted(one, held);
    const waiter = rival(held, { queue: true });
    await backend.attempt(waiter);
    const news = backend.hint(waiter);
    await admin.command("CLIENT", "KILL", "TYPE", "pubsub");
    // Whether it is back in time to be told or not: it must not have to wait for a timer.
    await one.release(held);
    expect((await news) ?? (await granted(backend, waiter))).toMatchObject({ status: "granted" });
    await backend.release(waiter);
    await backend.close();
  });

  it("whose place was lost has the others of its process join again behind it", async () => {
    const clock = new FakeClock();
    const backend = still({ clock });
    const held = ask();
    await granted(one, held);
    const [first, second] = [rival(held, { queue: true }), rival(held, { queue: true })];
    await backend.attempt(first);
    const joining = backend.attempt(second);
    // Newcomers gather for a millisecond.
    await clock.advance(1);
    await joining;
    const news = backend.hint(second);
    await admin.command("DEL", lockKeys(held)[2]);
    await backend.attempt(first);
    expect(await news).toBeNull();
    await backend.close();
  });

  it("does not believe a hand-over that overtakes the answer: it cannot tell when that was granted", async () => {
    let isHeard = false;
    const state = { isWaiting: false };
    const backend = still({
      heard: () => {
        isHeard = true;
      },
      answered: async () => {
        if (state.isWaiting && (await one.inspect(waiter))?.waiting === 1) {
          await one.release(held);
          await eventually("the hand-over", () => (isHeard ? true : undefined));
        }
      },
    });
    const held = ask();
    const waiter = rival(held, { queue: true });
    await granted(one, held);
    await backend.hint(ask());
    state.isWaiting = true;
    expect((await backend.attempt(waiter)).status).toBe("busy");
    expect(await backend.hint(waiter)).toBeNull();
    await granted(backend, waiter);
    await backend.release(waiter);
    await backend.close();
  });
});

import { useRedis } from "@lock/redis-harness/vitest";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { AcquireRequest, Granted } from "../src/backend.ts";
import { RedisBackend } from "../src/backends/redis/redis-backend.ts";
import { type Passed, Runs } from "../src/backends/redis/runs.ts";
import { withdrawScript } from "../src/backends/redis/scripts/index.ts";
import { createLocks, type Lease } from "../src/index.ts";
import { eventually } from "../src/testing/test-api.ts";
import { FakeClock } from "../src/testing.ts";
import { Child } from "./support/child.ts";
import { ioredis6, libraries, type TestClient } from "./support/clients.ts";
import { ask } from "./support/two-backends.ts";

const redis = useRedis();
let admin: TestClient;
beforeAll(async () => {
  admin = await ioredis6.connect(redis.url);
});
afterAll(() => admin.close());

describe("between processes that pass locks on within", () => {
  const children: Child[] = [];
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.ended(true)));
  });

  it("3 processes x 20 callers count to 1200 without losing one, and all fences grow", async () => {
    const starting = (["ioredis", "node-redis", "ioredis"] as const).map((library) =>
      Child.start(redis.url, library),
    );
    children.push(...(await Promise.all(starting)));
    const commands = async () => {
      const stats = String(await admin.command("INFO", "commandstats"));
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await commands();
    await Promise.all(
      children.map((child) => child.ask("count", { key: "counted", callers: 20, rounds: 20 })),
    );
    const used = (await commands()) - before;
    expect(await admin.command("GET", "count")).toBe("1200");
    const fences = ((await admin.command("LRANGE", "fences", "0", "-1")) as string[]).map(Number);
    expect(fences).toHaveLength(1_200);
    for (const [index, fence] of fences.entries()) expect(fence).toBeGreaterThan(fences[index - 1] ?? 0);
    // Over the server it would be two for each: if this fails, little was passed on and the test shows little.
    expect(used).toBeLessThan(2_000);
  });
});

describe.each(libraries)("with $name", ({ name, connect }) => {
  it("a lock that was passed on is known to the server in its holder's name, and its queue is tidy", async () => {
    const client = await connect(redis.url);
    const locks = createLocks({ backend: client.backend() });
    const rivals = createLocks({ backend: admin.backend() });
    const key = `${name} passed`;
    const first = await rivals.acquire(key);
    const waits = [1, 2, 3].map((turn) => locks.acquire(key, { meta: { turn: `${turn}` } }));
    await eventually("waiters", async () => ((await rivals.inspect(key))?.waiting === 3 ? true : undefined));
    await first.release();
    const [one, two] = waits;
    await (await one)?.release();
    const passed: Lease | undefined = await two;
    const state = await eventually("the take-over", async () => {
      const seen = await rivals.inspect(key);
      return seen?.holders[0]?.fencingToken === passed?.fencingToken ? seen : undefined;
    });
    expect(state?.holders[0]?.meta).toEqual({ turn: "2" });
    expect(state?.waiting).toBe(1);
    expect(await passed?.release()).toBe("released");
    const last = await waits[2];
    expect(last?.fencingToken).toBeGreaterThan(passed?.fencingToken ?? Number.POSITIVE_INFINITY);
    expect(await last?.release()).toBe("released");
    expect(await rivals.inspect(key)).toBeNull();
    await locks.close();
    await rivals.close();
    client.close();
  });

  it("a lock that was passed on travels by a ticket, and those behind it are served once", async () => {
    const client = await connect(redis.url);
    const locks = createLocks({ backend: client.backend() });
    const rivals = createLocks({ backend: admin.backend() });
    const key = `${name} ticket`;
    const before = await rivals.acquire(key);
    const [first, second, third] = [1, 2, 3].map(() => locks.acquire(key, { wait: "forever" }));
    await eventually("waiters", async () => ((await rivals.inspect(key))?.waiting === 3 ? true : undefined));
    await before.release();
    await (await first)?.release();
    const passed = await second;
    if (passed === undefined) throw new Error("nothing was passed on");
    const ticket = passed.toTicket();
    // Otherwise it was not passed on, and this shows little.
    expect(ticket.proof).not.toBe("");
    const adopted = await rivals.adopt(ticket);
    expect(adopted.fencingToken).toBe(passed.fencingToken);
    const state = await rivals.inspect(key);
    expect(state?.holders[0]).toMatchObject({
      fencingToken: passed.fencingToken,
      token: adopted.token.slice(0, 8),
    });
    expect(state?.waiting).toBe(1);
    expect(await passed.release()).toBe("handedOver");
    expect(await adopted.release()).toBe("released");
    const last = await third;
    expect(last?.fencingToken).toBeGreaterThan(passed.fencingToken);
    expect(await last?.release()).toBe("released");
    expect(await rivals.inspect(key)).toBeNull();
    await locks.close();
    await rivals.close();
    client.close();
  });

  it("a lock that was taken by force is not passed on any more", async () => {
    const client = await connect(redis.url);
    const locks = createLocks({ backend: client.backend() });
    const rivals = createLocks({ backend: admin.backend() });
    const key = `${name} forced`;
    const before = await rivals.acquire(key);
    const waits = [1, 2, 3].map(() => locks.acquire(key, { wait: "forever" }));
    await eventually("waiters", async () => ((await rivals.inspect(key))?.waiting === 3 ? true : undefined));
    await before.release();
    const first = await waits[0];
    expect(await rivals.forceRelease(key)).toBe(true);
    const second = await waits[1];
    expect(await first?.release()).toBe("expired");
    second?.assertHeld();
    expect((await rivals.inspect(key))?.waiting).toBe(1);
    expect(await second?.release()).toBe("released");
    expect(await (await waits[2])?.release()).toBe("released");
    await locks.close();
    await rivals.close();
    client.close();
  });

  it("a lock that was taken by force from one it was passed to is not left under nobody's name", async () => {
    const client = await connect(redis.url);
    const locks = createLocks({ backend: client.backend() });
    const rivals = createLocks({ backend: admin.backend() });
    const key = `${name} forced from the second`;
    const before = await rivals.acquire(key);
    const [first, second, third] = [1, 2, 3].map(() => locks.acquire(key, { wait: "forever" }));
    await eventually("waiters", async () => ((await rivals.inspect(key))?.waiting === 3 ? true : undefined));
    await before.release();
    await (await first)?.release();
    const passed = await second;
    await rivals.forceRelease(key);
    await eventually("the server's choice", async () =>
      (await rivals.inspect(key))?.holders[0]?.token === passed?.token.slice(0, 8) ? true : undefined,
    );
    await passed?.release();
    await (await third)?.release();
    await eventually("a free key", async () => ((await rivals.inspect(key)) === null ? true : undefined));
    await locks.close();
    await rivals.close();
    client.close();
  });

  it("a rival that rejoins in front of those who were served keeps its place", async () => {
    const client = await connect(redis.url);
    const locks = createLocks({ backend: client.backend() });
    const rivals = createLocks({ backend: admin.backend() });
    const key = `${name} rejoined`;
    const before = await rivals.acquire(key);
    const [first, second] = [1, 2].map(() => locks.acquire(key, { wait: "forever" }));
    await eventually("waiters", async () => ((await rivals.inspect(key))?.waiting === 2 ? true : undefined));
    const rival = rivals.acquire(key, { wait: "forever", meta: { who: "rival" } });
    await eventually("the rival", async () =>
      (await rivals.inspect(key))?.waiting === 3 ? true : undefined,
    );
    await before.release();
    await first;
    // As a rejoin with an older ticket would.
    const queue = `lock:{${key}}:queue`;
    const [member = ""] = (await admin.command("ZRANGE", queue, "-1", "-1")) as string[];
    await admin.command("ZADD", queue, "XX", "1", member);
    await (await first)?.release();
    await (await second)?.release();
    expect((await rivals.inspect(key))?.holders[0]?.meta).toEqual({ who: "rival" });
    await (await rival).release();
    await locks.close();
    await rivals.close();
    client.close();
  });

  it("a lock that was handed to a request that had ended is given back at once", async () => {
    const client = await connect(redis.url);
    const { driver } = client;
    const deaf = (sha: string) =>
      sha === withdrawScript.sha ? Promise.reject(new Error("cut off")) : undefined;
    const backend = new RedisBackend({
      ...driver,
      evalsha: (sha, keys, args) => deaf(sha) ?? driver.evalsha(sha, keys, args),
    });
    const locks = createLocks({ backend });
    const rivals = createLocks({ backend: admin.backend() });
    const key = `${name} ghost`;
    const first = await rivals.acquire(key);
    const failed: unknown[] = [];
    locks.on("backendError", ({ operation }) => failed.push(operation));
    const abort = new AbortController();
    const ghost = expect(locks.acquire(key, { signal: abort.signal })).rejects.toThrow("gone");
    await eventually("a waiter", async () => ((await rivals.inspect(key))?.waiting === 1 ? true : undefined));
    abort.abort(new Error("gone"));
    await ghost;
    await eventually("a failed undo", () => (failed.length > 0 ? true : undefined));
    expect((await rivals.inspect(key))?.waiting).toBe(1);
    const start = performance.now();
    await first.release();
    await (await rivals.acquire(key, { wait: 20_000 })).release();
    // Otherwise only after the ghost's ttl of 30 s.
    expect(performance.now() - start).toBeLessThan(5_000);
    await locks.close();
    await rivals.close();
    client.close();
  });
});

describe("a run of waiters of one process", () => {
  const request = (ttl = 1_000) => ask({ key: "key", ttl, queue: true });
  const asHeld = ({ prefix, token }: AcquireRequest) => ({ prefix, key: "key", token });

  function start(followers = 2) {
    const clock = new FakeClock();
    const runs = new Runs(clock);
    const holder = request();
    const granted: Granted = { status: "granted", fencingToken: 100, since: clock.now(), ttl: 1_000 };
    const handOver = {
      token: holder.token,
      fencingToken: 100,
      grantedAt: 1,
      ttl: 1_000,
      followers,
      lastTicket: 9,
      slot: undefined,
    };
    runs.start(holder, granted, handOver);
    const pass = (from: AcquireRequest, to = request()): Passed | null =>
      runs.passOn(asHeld(from), (by) => (by === handOver ? { request: to, ticket: 7 } : undefined));
    return { clock, runs, holder, granted, pass };
  }

  it("is passed on as often as the server said, with growing fences and the validity that is left", () => {
    const { holder, pass, granted } = start();
    const second = pass(holder);
    expect(second?.granted).toMatchObject({ fencingToken: 101, since: granted.since, ttl: 1_000 });
    const third = second === null ? null : pass(second.to);
    expect(third?.granted.fencingToken).toBe(102);
    expect(third === null ? null : pass(third.to)).toBeNull();
  });

  it("is not passed on after a release was sent: its answer may be lost", () => {
    const { holder, runs, pass } = start();
    expect(runs.passOn(holder, () => undefined)).toBeNull();
    expect(pass(holder)).toBeNull();
  });

  it("is not passed on after a take-over was sent, and says the alias until it is confirmed", () => {
    const { holder, runs, pass, granted } = start();
    const second = pass(holder);
    if (second === null) throw new Error("not passed on");
    expect(runs.extendClaim(asHeld(second.to))).toBe(`${holder.token} 7 7 101 1 {"h":"here"}`);
    expect(pass(second.to)).toBeNull();
    expect(runs.releaseClaim(asHeld(second.to))).toBe(`${holder.token} 7 7`);
    runs.extended(asHeld(second.to), granted, false);
    expect(runs.releaseClaim(asHeld(second.to))).toBe(`${holder.token} 7 7`);
    runs.extended(asHeld(second.to), granted, true);
    expect(runs.releaseClaim(asHeld(second.to))).toBe("");
  });

  it("is not passed on when less than half of the validity is left, or to one that wants another ttl", () => {
    const late = start();
    late.clock.block(600);
    expect(late.pass(late.holder)).toBeNull();
    const other = start();
    expect(other.pass(other.holder, request(2_000))).toBeNull();
  });

  it("ends after its window: who holds a passed lock then is to take it over", () => {
    const { clock, holder, pass } = start();
    const second = pass(holder);
    expect(second?.granted.confirmAfter).toBe(30);
    clock.block(30);
    expect(second === null ? null : pass(second.to)).toBeNull();
    const unpassed = start();
    unpassed.clock.block(30);
    expect(unpassed.pass(unpassed.holder)).toBeNull();
  });
});

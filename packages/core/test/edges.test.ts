import { once } from "node:events";
import { beforeEach, describe, expect, it } from "vitest";
import { messagesOf } from "../src/api/messages.ts";
import { backendError, noAnswer } from "../src/backends/redis/faults.ts";
import { systemClock } from "../src/contract/clock.ts";
import { checkHealth } from "../src/health.ts";
import { inProcessBackend } from "../src/in-process.ts";
import { createLocks, type Locks } from "../src/index.ts";
import { detachedLeases } from "../src/lease/detached.ts";
import { FakeClock, FaultyBackend } from "../src/testing.ts";

let clock: FakeClock;
let backend: FaultyBackend;
let locks: Locks;

beforeEach(() => {
  clock = new FakeClock();
  backend = new FaultyBackend(inProcessBackend({ clock }));
  locks = createLocks({ backend });
});

describe("a release", () => {
  it("that came through only after the lease had ended, tells so", async () => {
    const lease = await locks.acquire("key", { ttl: 1_000, renew: false });
    backend.fail("release");
    const releasing = lease.release();
    clock.block(1_000);
    await clock.advance(2_000);
    expect(await releasing).toBe("expired");
  });
});

describe("an extend", () => {
  it("sets the ttl of all later renewals", async () => {
    const lease = await locks.acquire("key", { ttl: 3_000 });
    await lease.extend(60_000);
    await clock.advance(17_999);
    expect(backend.calls.extend).toBe(1);
    await clock.advance(2_001);
    expect(backend.calls.extend).toBe(2);
    expect(lease.validFor).toBeGreaterThan(58_000 - 602);
  });
});

describe("a hand-over", () => {
  it("that is heard of after its validity is given back, and asked for again", async () => {
    const holder = await locks.acquire("key");
    const waiting = locks.acquire("key", { ttl: 1_000, wait: "forever" });
    await clock.advance(0);
    const releasing = holder.release();
    clock.block(995);
    await releasing;
    await clock.advance(100);
    const lease = await waiting;
    expect(backend.calls.tryAcquire).toBe(3);
    expect(lease.validFor).toBeGreaterThan(800);
  });
});

describe("an acquire that is ended while it gives a stale grant back", () => {
  async function stale() {
    const answer = backend.hang("tryAcquire");
    const acquiring = locks.acquire("key", { ttl: 1_000, wait: "forever" });
    const outcome = acquiring.catch((error: unknown) => error);
    await clock.advance(0);
    const released = backend.hang("cancel");
    clock.block(995);
    answer();
    await clock.advance(0);
    backend.heal();
    return { outcome, released };
  }

  it("by close, does not begin to wait again", async () => {
    const { outcome, released } = await stale();
    await createLocks({ backend }).acquire("key", { ttl: 60_000 });
    const closing = locks.close();
    released();
    await clock.advance(5_000);
    await closing;
    expect(await Promise.race([outcome, "still waiting"])).toMatchObject({ code: "LOCK_USAGE" });
  });
});

describe("close", () => {
  it("ends after the undo of what it interrupted", async () => {
    await locks.acquire("key");
    const waiting = locks.acquire("key", { wait: "forever" }).catch((error: unknown) => error);
    await clock.advance(0);
    const cancelled = backend.hang("cancel");
    let isClosed = false;
    const closing = locks.close().then(() => {
      isClosed = true;
    });
    await clock.advance(100);
    expect(await waiting).toMatchObject({ code: "LOCK_USAGE" });
    expect(isClosed).toBe(false);
    cancelled();
    await clock.advance(0);
    expect(isClosed).toBe(true);
    await closing;
  });
});

describe("the machine's clock", () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

  it("keeps the process alive only when told to", () => {
    const before = timers();
    const idle = systemClock.setTimer(() => undefined, 60_000);
    expect(timers()).toBe(before);
    const busy = systemClock.setTimer(() => undefined, 60_000, true);
    expect(timers()).toBe(before + 1);
    for (const timer of [idle, busy]) timer.cancel();
    expect(timers()).toBe(before);
  });

  it("does not fire at once what is longer than setTimeout can wait", async () => {
    const fired: string[] = [];
    const long = systemClock.setTimer(() => fired.push("long"), 2 ** 31 + 1_000);
    await new Promise<void>((resume) => systemClock.setTimer(resume, 20, true));
    expect(fired).toEqual([]);
    long.cancel();
  });
});

describe("an error of the client", () => {
  it("that the server did not give leaves open what happened", () => {
    expect(backendError(new Error("read ECONNRESET"), "key")).toMatchObject({
      ambiguous: true,
      retryable: true,
    });
    expect(noAnswer(5, "key")).toMatchObject({ ambiguous: true, retryable: true });
    expect(backendError(new Error("NOPERM no rights"), "key")).toMatchObject({
      ambiguous: false,
      retryable: false,
    });
    expect(backendError(new Error("LOADING dataset"), "key")).toMatchObject({
      ambiguous: false,
      retryable: true,
    });
  });

  it("is told without the credentials in it", () => {
    const error = backendError(new Error("cannot reach redis://me:secret@host:1"), "key");
    const cause = error.cause as Error;
    for (const text of [error.message, error.stack, cause.message, cause.stack]) {
      expect(text).not.toContain("secret");
    }
  });
});

describe("a detached lease", () => {
  it("whose answer was lost is given back", async () => {
    const leases = detachedLeases(locks);
    backend.loseAnswer("tryAcquire");
    const taking = leases.take("key", leases.newToken(), { ttl: 60_000 });
    await expect(taking).rejects.toMatchObject({ code: "LOCK_BACKEND", ambiguous: true });
    await clock.advance(0);
    expect(backend.calls.cancel).toBe(1);
    expect(await locks.inspect("key")).toBeNull();
  });

  it("that was never asked for needs nothing to be undone", async () => {
    const leases = detachedLeases(locks);
    backend.fail("tryAcquire");
    await expect(leases.take("key", leases.newToken(), { ttl: 60_000 })).rejects.toThrow();
    await clock.advance(0);
    expect(backend.calls.cancel).toBe(0);
  });
});

describe("a backend without the optional parts", () => {
  beforeEach(() => {
    const nothing = { value: undefined };
    Object.defineProperties(backend, { admin: nothing, messages: nothing });
  });

  it("grants locks, and tells nobody anything", async () => {
    expect(await locks.using("key", () => "worked")).toBe("worked");
    const heard: string[] = [];
    const stop = await messagesOf(locks).hear((message) => heard.push(message));
    await messagesOf(locks).send("to nobody");
    stop();
    expect(heard).toEqual([]);
  });

  it("refuses by name to inspect, list and free locks, and to be examined", async () => {
    const message = "the backend faulty in-process has no admin: it cannot inspect, list or free locks";
    const refusal = { code: "LOCK_USAGE", message };
    await expect(locks.inspect("key")).rejects.toMatchObject(refusal);
    await expect(locks.list()[Symbol.asyncIterator]().next()).rejects.toMatchObject(refusal);
    await expect(locks.forceRelease("key")).rejects.toMatchObject(refusal);
    await expect(checkHealth(backend)).rejects.toMatchObject(refusal);
  });
});

describe("messages", () => {
  it("are heard in spite of a listener that throws", async () => {
    const messages = messagesOf(locks);
    const heard: string[] = [];
    const warned = once(process, "warning");
    await messages.hear(() => {
      throw new Error("a listener of the test");
    });
    await messages.hear((message) => heard.push(message));
    await messages.send("stop");
    expect(String((await warned)[0])).toContain("a listener of the test");
    expect(heard).toEqual(["stop"]);
  });

  it("are those of what createLocks returned", () => {
    expect(() => messagesOf({})).toThrow(/what createLocks returned/);
  });
});

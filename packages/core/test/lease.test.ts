import { once } from "node:events";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createLocks, LockBackendError, LockLostError, type Locks, LockTimeoutError } from "../src/index.ts";
import type { FakeClock, FaultyBackend } from "../src/testing.ts";
import { openInProcess } from "./support/in-process.ts";

let clock: FakeClock;
let backend: FaultyBackend;
let locks: Locks;
let rivals: Locks;

beforeEach(() => {
  ({ clock, backend, locks, rivals } = openInProcess());
});

function reasonOf(signal: AbortSignal): unknown {
  return signal.reason instanceof LockLostError ? signal.reason.reason : signal.reason;
}

describe("a lease", () => {
  it("is renewed at a third of its ttl, and again after each renewal", async () => {
    const lease = await locks.acquire("key", { ttl: 3_000 });
    await clock.advance(899);
    expect(backend.calls.extend).toBe(0);
    await clock.advance(101);
    expect(backend.calls.extend).toBe(1);
    await clock.advance(30_000);
    expect(backend.calls.extend).toBeGreaterThanOrEqual(31);
    expect(backend.calls.extend).toBeLessThanOrEqual(1 + 30_000 / 900);
    lease.assertHeld();
    expect(await rivals.tryAcquire("key")).toBeNull();
  });

  it("is not renewed at one moment with all that were acquired with it", async () => {
    const keys = Array.from({ length: 100 }, (_, n) => `key-${n}`);
    await Promise.all(keys.map((key) => locks.acquire(key, { ttl: 3_000 })));
    await clock.advance(950);
    expect(backend.calls.extend).toBeGreaterThan(10);
    expect(backend.calls.extend).toBeLessThan(90);
    await clock.advance(50);
    expect(backend.calls.extend).toBe(100);
  });

  it("is renewed in time although the server has it for longer than it was extended by last", async () => {
    const lease = await locks.acquire("key", { ttl: 3_000 });
    await lease.extend(60_000);
    await lease.extend(1_000);
    await clock.advance(200_000);
    lease.assertHeld();
    // Every 300 to 333 ms once the longer ttl is used up; a few before.
    expect(backend.calls.extend).toBeGreaterThan(140_000 / 334);
    expect(backend.calls.extend).toBeLessThan(140_000 / 300 + 30);
  });

  it("is renewed in time although the server has it for longer than the ticket says that it was adopted by", async () => {
    const lease = await locks.acquire("key", { ttl: 60_000 });
    await clock.advance(5_000);
    await lease.extend(1_000);
    const adopted = await locks.adopt(lease.toTicket());
    await clock.advance(10_000);
    adopted.assertHeld();
    expect(await adopted.release()).toBe("released");
  });

  it("may be believed for its ttl less drift, counted from the request", async () => {
    const lease = await locks.acquire("key", { ttl: 10_000, renew: false });
    expect(lease.validFor).toBe(10_000 - 102);
    await clock.advance(9_897);
    expect(lease.validFor).toBe(1);
    lease.assertHeld();
    await clock.advance(1);
    expect(lease.validFor).toBe(0);
    expect(reasonOf(lease.signal)).toBe("expired");
  });

  it("counts what an extend gives from its request, not from the answer", async () => {
    const lease = await locks.acquire("key", { ttl: 10_000, renew: false });
    await clock.advance(1_000);
    const answer = backend.hang("extend");
    const extending = lease.extend();
    await clock.advance(3_000);
    answer();
    await extending;
    expect(lease.validFor).toBe(10_000 - 102 - 3_000);
  });

  it("is believed for no longer than was asked for, whatever the server says that it has left", async () => {
    const extend = backend.extend.bind(backend);
    backend.extend = async (...asked) => ({ ...(await extend(...asked)), ttl: 3_600_000 });
    const lease = await locks.acquire("key", { ttl: 3_000 });
    await lease.extend();
    expect(lease.validFor).toBeLessThanOrEqual(3_000);
    await lease.extend(60_000);
    expect(lease.validFor).toBeLessThanOrEqual(60_000);
    await lease.extend(1_000);
    expect(lease.validFor).toBeGreaterThan(50_000);
  });

  it("is believed for no longer than was asked for by whoever acquired or adopted it", async () => {
    const [attempt, extend] = [backend.tryAcquire.bind(backend), backend.extend.bind(backend)];
    backend.tryAcquire = async (request) => Object.assign(await attempt(request), { ttl: 3_600_000 });
    backend.extend = async (...asked) => Object.assign(await extend(...asked), { ttl: 3_600_000 });
    const lease = await locks.acquire("key", { ttl: 3_000, renew: false });
    expect(lease.validFor).toBe(3_000 - 32);
    const adopted = await locks.adopt(lease.toTicket());
    expect(adopted.validFor).toBe(3_000 - 32);
    await clock.advance(3_000);
    expect(() => adopted.assertHeld()).toThrow(LockLostError);
  });

  it("is renewed in time, whatever the server says that it has left", async () => {
    const [attempt, extend] = [backend.tryAcquire.bind(backend), backend.extend.bind(backend)];
    backend.tryAcquire = async (request) => Object.assign(await attempt(request), { ttl: 3_600_000 });
    backend.extend = async (...asked) => Object.assign(await extend(...asked), { ttl: 3_600_000 });
    const lease = await locks.acquire("key", { ttl: 3_000 });
    await clock.advance(10_000);
    const adopted = await locks.adopt(lease.toTicket());
    await clock.advance(10_000);
    adopted.assertHeld();
  });

  it("keeps its old end until an extend is acknowledged, and ends then", async () => {
    const lease = await locks.acquire("key", { ttl: 3_000 });
    const { signal } = lease;
    backend.hang("extend");
    await clock.advance(2_900);
    expect(signal.aborted).toBe(false);
    await clock.advance(100);
    expect(reasonOf(signal)).toBe("unreachable");
  });

  it.each([
    ["unreachable", "while the process ran", () => clock.advance(3_000)],
    ["stalled", "while the process stood still", async () => clock.block(3_000)],
    [
      "stalled",
      "while the process stood still, but before the end that it tells",
      async () => clock.block(2_500),
    ],
  ])("is %s, and not revived, by an answer that comes after its end, %s", async (reason, _how, pass) => {
    const lease = await locks.acquire("key", { ttl: 3_000 });
    const answer = backend.hang("extend");
    await clock.advance(1_000);
    await pass();
    answer();
    await clock.advance(0);
    expect(reasonOf(lease.signal)).toBe(reason);
    expect(lease.validFor).toBe(0);
  });

  it("is stalled where its process stood still, also when a renewal had failed before", async () => {
    const lease = await locks.acquire("key", { ttl: 3_000 });
    backend.fail("extend", undefined, Number.POSITIVE_INFINITY);
    await clock.advance(1_000);
    expect(backend.calls.extend).toBeGreaterThan(0);
    clock.block(5_000);
    await clock.advance(0);
    expect(reasonOf(lease.signal)).toBe("stalled");
  });

  it("is told nothing by the answer to a renewal that comes after its release", async () => {
    for (const late of [0, 3_000]) {
      const told: string[] = [];
      const lease = await locks.acquire("key", { ttl: 3_000, onLost: () => told.push("onLost") });
      const { signal } = lease;
      for (const event of ["lost", "extended", "extendFailed"] as const)
        locks.on(event, () => told.push(event));
      const answer = backend.hang("extend");
      await clock.advance(1_000);
      expect(await lease.release()).toBe("released");
      clock.block(late);
      answer();
      await clock.advance(0);
      expect(told).toEqual([]);
      expect(signal.aborted).toBe(false);
      expect(clock.pending).toBe(0);
    }
  });

  it("survives faults of the backend that pass before its end", async () => {
    const lease = await locks.acquire("key", { ttl: 3_000 });
    const failed: unknown[] = [];
    locks.on("extendFailed", ({ error }) => failed.push(error));
    backend.fail("extend", undefined, 3);
    await clock.advance(2_900);
    expect(failed).toHaveLength(3);
    await clock.advance(10_000);
    lease.assertHeld();
  });

  it("does not believe in a lease after its event loop was blocked, before any timer could run", async () => {
    const lease = await locks.acquire("key", { ttl: 3_000 });
    clock.block(3_000);
    expect(lease.validFor).toBe(0);
    expect(() => lease.assertHeld()).toThrow(LockLostError);
    expect(reasonOf(lease.signal)).toBe("stalled");
  });

  it("counts the time in which the machine was suspended, and none that a clock was set back", async () => {
    const suspended = await locks.acquire("one", { ttl: 3_000 });
    clock.stepWall(3_000);
    expect(suspended.validFor).toBe(0);
    const later = await locks.acquire("two", { ttl: 3_000 });
    clock.stepWall(-3_600_000);
    expect(later.validFor).toBe(2_968);
    clock.block(3_000);
    expect(later.validFor).toBe(0);
  });

  it("never shortens by an extend, acknowledged or not", async () => {
    const lease = await locks.acquire("key", { ttl: 30_000, renew: false });
    await lease.extend(1_000);
    expect(lease.validFor).toBe(30_000 - 302);
    backend.loseAnswer("extend");
    await expect(lease.extend(500)).rejects.toBeInstanceOf(LockBackendError);
    await clock.advance(29_000);
    lease.assertHeld();
    expect(await rivals.tryAcquire("key")).toBeNull();
  });

  it("gives the key back at once when it is lost locally before the server ends it", async () => {
    const lease = await locks.acquire("key", { ttl: 10_000 });
    backend.fail("extend", undefined, Number.POSITIVE_INFINITY);
    await clock.advance(9_899);
    expect(reasonOf(lease.signal)).toBe("unreachable");
    expect(await rivals.tryAcquire("key")).not.toBeNull();
  });

  it("release: a fault is retried, and a lost answer still means released", async () => {
    const lease = await locks.acquire("key");
    backend.loseAnswer("release");
    const releasing = lease.release();
    await clock.advance(1_000);
    expect(await releasing).toBe("released");
    expect(await rivals.tryAcquire("key")).not.toBeNull();
  });

  it("release: a key that was gone after a fault that surely did nothing is not called released", async () => {
    const lease = await locks.acquire("key");
    await rivals.forceRelease("key");
    backend.fail("release");
    const releasing = lease.release();
    await clock.advance(1_000);
    expect(await releasing).toBe("expired");
  });

  it("release: an outage is told once its deadline has passed; a scoped release tells it by event only", async () => {
    const lease = await locks.acquire("one");
    const told: string[] = [];
    locks.on("backendError", ({ operation }) => told.push(operation));
    backend.fail("release", undefined, Number.POSITIVE_INFINITY);
    const releasing = expect(lease.release()).rejects.toBeInstanceOf(LockBackendError);
    await clock.advance(5_000);
    await releasing;
    const using = locks.using("two", () => "result");
    await clock.advance(5_000);
    expect(await using).toBe("result");
    expect(told).toEqual(["release"]);
  });

  it("release: a second one tells what became of the first, and tries again where that failed", async () => {
    const lease = await locks.acquire("key", { ttl: 600_000 });
    expect([await lease.release(), await lease.release()]).toEqual(["released", "released"]);
    expect(backend.calls.release).toBe(1);
    const other = await locks.acquire("key", { ttl: 600_000 });
    backend.fail("release", undefined, Number.POSITIVE_INFINITY);
    backend.fail("cancel", undefined, Number.POSITIVE_INFINITY);
    const failing = expect(other.release()).rejects.toBeInstanceOf(LockBackendError);
    await clock.advance(5_000);
    await failing;
    backend.heal();
    expect(await rivals.tryAcquire("key")).toBeNull();
    expect(await other.release()).toBe("released");
    expect(await rivals.tryAcquire("key")).not.toBeNull();
  });

  it("release: a second one says released, too, when the key was freed after the first had failed", async () => {
    const lease = await locks.acquire("key", { ttl: 600_000 });
    backend.fail("release", undefined, Number.POSITIVE_INFINITY);
    const failing = expect(lease.release()).rejects.toBeInstanceOf(LockBackendError);
    await clock.advance(5_000);
    await failing;
    backend.heal();
    expect(await rivals.tryAcquire("key")).not.toBeNull();
    expect(await lease.release()).toBe("released");
  });

  it("tells onLost once, and what that throws harms nobody", async () => {
    const told: unknown[] = [];
    const warned = once(process, "warning");
    const onLost = (error: LockLostError) => {
      told.push(error.reason);
      throw new Error("mistake in onLost");
    };
    const lease = await locks.acquire("key", { ttl: 3_000, maxHold: 5_000, onLost });
    const released = await locks.acquire("other", { ttl: 3_000, maxHold: 5_000, onLost });
    await released.release();
    await clock.advance(4_000);
    expect(told).toEqual([]);
    await clock.advance(2_000);
    expect(told).toEqual(["expired"]);
    expect(reasonOf(lease.signal)).toBe("expired");
    expect(await warned).toMatchObject([{ message: "mistake in onLost" }]);
  });

  it("leaves no timer behind when released or lost", async () => {
    const released = await locks.acquire("one");
    const lost = await locks.acquire("two", { ttl: 100 });
    backend.fail("extend", undefined, Number.POSITIVE_INFINITY);
    await released.release();
    await clock.advance(200);
    expect(lost.validFor).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("a throwing listener disturbs nothing, and is seen as a warning", async () => {
    const warnings: Error[] = [];
    const hear = (warning: Error) => warnings.push(warning);
    process.on("warning", hear);
    locks.on("acquired", () => {
      throw new Error("mistake of a listener");
    });
    locks.on("acquired", async () => {
      throw new Error("mistake of an asynchronous listener");
    });
    const lease = await locks.acquire("key");
    lease.assertHeld();
    await new Promise((resume) => setImmediate(resume));
    process.off("warning", hear);
    expect(warnings.map(({ message }) => message)).toEqual([
      "mistake of a listener",
      "mistake of an asynchronous listener",
    ]);
  });
});

describe("an acquire", () => {
  it("asks again with the same token after a lost answer, and gets the same grant", async () => {
    backend.loseAnswer("tryAcquire");
    const acquiring = locks.acquire("key");
    await clock.advance(1_000);
    const lease = await acquiring;
    expect(backend.calls.tryAcquire).toBe(2);
    expect((await locks.inspect("key"))?.holders[0]?.fencingToken).toBe(lease.fencingToken);
  });

  it("says that a key is busy where that was the last answer, although a later question is unanswered", async () => {
    const held = await rivals.acquire("key");
    // As after a message that says nothing but that it is worth asking again.
    Object.assign(backend, { waitForTurn: async () => null });
    Object.defineProperty(backend, "requestTimeout", { value: 10_000 });
    locks.on("contended", () => backend.hang("tryAcquire"));
    const acquiring = locks.acquire("key", { wait: 1_000 }).catch((error: unknown) => error);
    await clock.advance(1_000);
    const error = await acquiring;
    expect(error).toBeInstanceOf(LockTimeoutError);
    expect(error).toMatchObject({ holder: { remaining: expect.any(Number) } });
    expect(backend.calls.tryAcquire).toBe(2);
    await held.release();
  });

  it("undoes an attempt that was never answered, too, when a later one was told that the key is busy", async () => {
    const undone: boolean[] = [];
    const cancel = backend.cancel.bind(backend);
    backend.cancel = (request, unanswered) => {
      undone.push(unanswered);
      return cancel(request, unanswered);
    };
    const held = await rivals.acquire("key");
    backend.loseAnswer("tryAcquire");
    const refused = expect(locks.acquire("key", { wait: 1_000 })).rejects.toThrow(LockTimeoutError);
    await clock.advance(2_000);
    await refused;
    expect(undone).toEqual([true]);
    await held.release();
  });

  it("undoes a grant whose answer was lost when it may not ask again", async () => {
    backend.loseAnswer("tryAcquire");
    await expect(locks.acquire("key", { wait: 0 })).rejects.toBeInstanceOf(LockBackendError);
    expect(await rivals.tryAcquire("key")).not.toBeNull();
  });

  it("is no lease when the answer is heard after its validity, and is given back", async () => {
    const answer = backend.hang("tryAcquire");
    const acquiring = locks.acquire("key", { ttl: 1_000, wait: 0 });
    clock.block(995);
    answer();
    await expect(acquiring).rejects.toThrow(/longer than a ttl/);
    expect(await rivals.tryAcquire("key")).not.toBeNull();
  });

  it("waits while an outage lasts, as long as the caller waits; then tells the outage, not contention", async () => {
    backend.fail("tryAcquire", undefined, Number.POSITIVE_INFINITY);
    const failing = expect(locks.acquire("key", { wait: 5_000 })).rejects.toBeInstanceOf(LockBackendError);
    const patient = locks.acquire("key", { wait: "forever" });
    await clock.advance(5_000);
    await failing;
    backend.heal();
    await clock.advance(5_000);
    (await patient).assertHeld();
  });

  it("fails where a backend throws instead of giving a promise, and leaves nothing under way", async () => {
    vi.spyOn(backend, "tryAcquire").mockImplementation(() => {
      throw new Error("no promise");
    });
    await expect(locks.acquire("key", { wait: "forever" })).rejects.toThrow("no promise");
    // It would wait for what is under way, by a clock that stands still.
    await locks.close();
    expect(clock.pending).toBe(0);
  });

  it("does not retry what will not pass", async () => {
    backend.fail("tryAcquire", new LockBackendError("no rights", { retryable: false, ambiguous: false }));
    await expect(locks.acquire("key")).rejects.toThrow("no rights");
    expect(backend.calls.tryAcquire).toBe(1);
  });

  it("aborted while a stale grant is given back, stops", async () => {
    const answer = backend.hang("tryAcquire");
    const abort = new AbortController();
    const options = { ttl: 1_000, wait: "forever" as const, signal: abort.signal };
    const acquiring = expect(locks.acquire("key", options)).rejects.toThrow("enough");
    await clock.advance(0);
    const released = backend.hang("release");
    clock.block(995);
    answer();
    await clock.advance(0);
    abort.abort(new Error("enough"));
    released();
    await acquiring;
    await clock.advance(0);
    expect(await rivals.tryAcquire("key")).not.toBeNull();
  });

  it("aborted while the answer is on its way, leaves nothing", async () => {
    const answer = backend.hang("tryAcquire");
    const abort = new AbortController();
    const acquiring = expect(locks.acquire("key", { signal: abort.signal })).rejects.toThrow("enough");
    await clock.advance(0);
    abort.abort(new Error("enough"));
    await acquiring;
    answer();
    await clock.advance(0);
    expect(await rivals.tryAcquire("key")).not.toBeNull();
  });
});

describe("an adopt", () => {
  it("gives back what it may have got by a try that was not answered, also when a later one was refused", async () => {
    const ticket = (await locks.acquire("key")).toTicket();
    const extend = backend.extend.bind(backend);
    let tries = 0;
    backend.extend = async (...asked) => {
      tries += 1;
      if (tries === 1) await extend(...asked);
      throw new LockBackendError("away", { retryable: true, ambiguous: tries === 1 });
    };
    const adopter = createLocks({ backend, wait: 1_000 });
    const failed = expect(adopter.adopt(ticket)).rejects.toBeInstanceOf(LockBackendError);
    await clock.advance(2_000);
    await failed;
    expect(tries).toBeGreaterThan(1);
    expect(await rivals.tryAcquire("key")).not.toBeNull();
  });
});

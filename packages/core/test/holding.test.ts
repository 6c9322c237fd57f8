import { beforeEach, describe, expect, it } from "vitest";
import { LockLostError, type Locks } from "../src/index.ts";
import type { FakeClock, FaultyBackend } from "../src/testing.ts";
import { openInProcess } from "./support/in-process.ts";

let clock: FakeClock;
let backend: FaultyBackend;
let locks: Locks;
let rivals: Locks;

beforeEach(() => {
  ({ clock, backend, locks, rivals } = openInProcess());
});

const isFree = async (key: string): Promise<boolean> => (await rivals.inspect(key)) === null;

describe("maxHold", () => {
  it("ends a renewed lease at its time, and frees the key then", async () => {
    const lease = await locks.acquire("key", { ttl: 3_000, maxHold: 10_000 });
    const { signal } = lease;
    await clock.advance(9_500);
    lease.assertHeld();
    expect(await isFree("key")).toBe(false);
    await clock.advance(500);
    expect(signal.reason).toMatchObject({ code: "LOCK_LOST", reason: "expired" });
    expect(String(signal.reason)).toContain("held for 10000 ms, the longest that maxHold allows");
    expect(await isFree("key")).toBe(true);
  });

  it("is not reached by more renewals than before", async () => {
    await locks.acquire("key", { ttl: 3_000, maxHold: 10_000 });
    await clock.advance(10_000);
    expect(backend.calls.extend).toBeGreaterThanOrEqual(9);
    expect(backend.calls.extend).toBeLessThanOrEqual(11);
  });

  it("is no longer for an extend by hand, nor for a ttl that is longer", async () => {
    const lease = await locks.acquire("key", { ttl: 60_000, maxHold: 1_000, renew: false });
    expect(lease.validFor).toBeLessThanOrEqual(1_000);
    await lease.extend(60_000);
    expect(lease.validFor).toBeLessThanOrEqual(1_000);
    expect((await rivals.inspect("key"))?.holders[0]?.remaining).toBeLessThanOrEqual(1_000);
    await clock.advance(1_000);
    expect(() => lease.assertHeld()).toThrow(/maxHold/);
  });

  it("that ends while the server cannot be reached is no outage", async () => {
    const lease = await locks.acquire("key", { ttl: 3_000, maxHold: 3_500 });
    const { signal } = lease;
    await clock.advance(1_500);
    backend.fail("extend", undefined, 100);
    await clock.advance(2_000);
    expect(signal.reason).toMatchObject({ reason: "expired" });
  });
});

describe("minHold", () => {
  it("keeps a key that was released early until it is over, and not longer", async () => {
    const lease = await locks.acquire("key", { ttl: 60_000, minHold: 5_000 });
    await clock.advance(10);
    expect(await lease.release()).toBe("released");
    await clock.advance(4_989);
    expect(await isFree("key")).toBe(false);
    await clock.advance(1);
    expect(await isFree("key")).toBe(true);
  });

  it("makes no difference to one that is held longer", async () => {
    const lease = await locks.acquire("key", { minHold: 5_000 });
    await clock.advance(5_000);
    await lease.release();
    expect(await isFree("key")).toBe(true);
    expect(backend.calls).toMatchObject({ release: 1 });
  });

  it("holds although the wall clock was set forward meanwhile", async () => {
    const lease = await locks.acquire("key", { ttl: 60_000, minHold: 5_000 });
    clock.stepWall(5_000);
    await lease.release();
    await clock.advance(10);
    expect(await isFree("key")).toBe(false);
  });

  it("is kept by a close, and by the end of a scope", async () => {
    await locks.using("scoped", { minHold: 1_000 }, () => undefined);
    await locks.acquire("closed", { minHold: 1_000 });
    await locks.close();
    await clock.advance(999);
    expect([await isFree("scoped"), await isFree("closed")]).toEqual([false, false]);
    await clock.advance(1);
    expect([await isFree("scoped"), await isFree("closed")]).toEqual([true, true]);
  });

  it("is tried again when its answer was lost", async () => {
    const lease = await locks.acquire("key", { ttl: 60_000, minHold: 5_000 });
    backend.loseAnswer("release");
    const releasing = lease.release();
    await clock.advance(1_000);
    expect(await releasing).toBe("released");
    expect(await isFree("key")).toBe(false);
    await clock.advance(4_000);
    expect(await isFree("key")).toBe(true);
  });
});

describe("a ticket", () => {
  it("leaves no timer, no renewal and no loss behind", async () => {
    const lease = await locks.acquire("key", { ttl: 3_000 });
    const told: string[] = [];
    for (const event of ["lost", "released", "extended"] as const) locks.on(event, () => told.push(event));
    lease.toTicket();
    // Only the in-process backend's own, for the end of the grant.
    expect(clock.pending).toBe(1);
    await clock.advance(3_000);
    expect([told, lease.signal.aborted, backend.calls.extend]).toEqual([[], false, 0]);
    expect(await isFree("key")).toBe(true);
    await locks.close();
    expect(backend.calls.release).toBe(0);
  });

  it("takes along what is left of maxHold and minHold", async () => {
    const lease = await locks.acquire("key", { ttl: 3_000, maxHold: 10_000, minHold: 8_000 });
    await clock.advance(4_000);
    const ticket = lease.toTicket();
    expect(ticket).toMatchObject({ maxHold: 6_000, minHold: 4_000 });
    const adopted = await rivals.adopt(JSON.parse(JSON.stringify(ticket)));
    await adopted.release();
    await clock.advance(3_999);
    expect(await isFree("key")).toBe(false);
    await clock.advance(1);
    expect(await isFree("key")).toBe(true);
  });

  it("does not keep the key beyond what is left of maxHold", async () => {
    const lease = await locks.acquire("key", { ttl: 3_000, maxHold: 3_000 });
    await clock.advance(2_000);
    await rivals.adopt(lease.toTicket());
    expect((await rivals.inspect("key"))?.holders[0]?.remaining).toBeLessThanOrEqual(1_000);
  });

  it("is adopted although the first answer was lost, and only once", async () => {
    const ticket = (await rivals.acquire("key")).toTicket();
    backend.loseAnswer("adopt");
    const adopting = locks.adopt(ticket);
    await clock.advance(1_000);
    const lease = await adopting;
    lease.assertHeld();
    await expect(rivals.adopt(ticket)).rejects.toBeInstanceOf(LockLostError);
    expect(await lease.release()).toBe("released");
  });

  it("is given up when the backend fails for as long as the locks wait", async () => {
    const ticket = (await rivals.acquire("key")).toTicket();
    backend.fail("adopt", undefined, 1_000);
    const adopting = expect(locks.adopt(ticket)).rejects.toMatchObject({ code: "LOCK_BACKEND" });
    await clock.advance(12_000);
    await adopting;
    backend.heal();
    await (await locks.adopt(ticket)).release();
  });

  it("that was altered after it was written down by somebody else's JSON still counts as the same", async () => {
    const ticket = (await rivals.acquire("key", { meta: { b: "2", a: "1" } })).toTicket();
    const rearranged = Object.fromEntries(Object.entries(JSON.parse(JSON.stringify(ticket))).reverse());
    const { maxHold, ...stored } = { ...rearranged, maxHold: null };
    expect(maxHold).toBeNull();
    await (await locks.adopt({ ...stored, maxHold: null } as never)).release();
  });
});

describe("close", () => {
  it("does not hand out what was adopted meanwhile", async () => {
    const ticket = (await rivals.acquire("key")).toTicket();
    const answer = backend.hang("adopt");
    const adopting = expect(locks.adopt(ticket)).rejects.toMatchObject({ code: "LOCK_USAGE" });
    const closing = locks.close();
    answer();
    await clock.advance(1_000);
    await adopting;
    await closing;
    expect(await isFree("key")).toBe(true);
  });
});

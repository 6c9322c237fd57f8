import { beforeEach, describe, expect, it } from "vitest";
import { inProcessBackend } from "../src/in-process.ts";
import { createLocks, type LockEventName, type Locks } from "../src/index.ts";
import { FakeClock, FaultyBackend } from "../src/testing.ts";

const NAMES = ["acquired", "refused", "timedOut", "aborted", "failed"] as const satisfies LockEventName[];

let clock: FakeClock;
let backend: FaultyBackend;
let locks: Locks;
let told: unknown[];

beforeEach(async () => {
  clock = new FakeClock();
  backend = new FaultyBackend(inProcessBackend({ clock }));
  locks = createLocks({ backend, holder: "me" });
  const rivals = createLocks({ backend, holder: "rival" });
  await rivals.acquire("busy", { ttl: 60_000 });
  told = [];
  for (const name of NAMES) locks.on(name, (event) => told.push([name, event]));
});

/** One key, or several of which one is busy. */
const targets = [
  ["one key", "busy", "free"],
  ["several keys", ["busy", "free"], ["free", "other"]],
] as const;

/** Settles, however it does, once a while has passed. */
async function after(work: Promise<unknown>, ms: number): Promise<unknown> {
  const settled = work.catch((error: unknown) => error);
  await clock.advance(ms);
  return settled;
}

describe.each(targets)("the end of an acquire of %s is told once", (_what, busy, free) => {
  const key = Array.isArray(busy) ? "busy, free" : "busy";
  const freeKey = Array.isArray(free) ? "free, other" : "free";
  const rival = { holder: "rival", remaining: expect.any(Number) };

  it("refused: it does not wait", async () => {
    expect(await locks.tryAcquire(busy)).toBeNull();
    expect(told).toEqual([["refused", { key, holder: rival }]]);
    await locks.acquire(busy, { wait: 0 }).catch(() => undefined);
    expect(told).toHaveLength(2);
  });

  it("timedOut: it has waited for as long as it may", async () => {
    await after(locks.acquire(busy, { wait: 500 }), 1_000);
    expect(told).toEqual([["timedOut", { key, waited: 500, holder: rival }]]);
  });

  it("timedOut: tryAcquire that waits", async () => {
    expect(await after(locks.tryAcquire(busy, { wait: 500 }), 1_000)).toBeNull();
    expect(told).toEqual([["timedOut", { key, waited: 500, holder: rival }]]);
  });

  it("aborted: its signal", async () => {
    const controller = new AbortController();
    const reason = new Error("the caller gave up");
    const acquiring = locks.acquire(busy, { signal: controller.signal });
    await clock.advance(300);
    controller.abort(reason);
    expect(await after(acquiring, 0)).toBe(reason);
    expect(told).toEqual([["aborted", { key, waited: 300, reason }]]);
  });

  it("aborted: the locks are closed", async () => {
    const acquiring = locks.acquire(busy);
    await clock.advance(300);
    const closing = locks.close();
    const error = await after(acquiring, 1_000);
    await closing;
    expect(told).toEqual([["aborted", { key, waited: 300, reason: error }]]);
  });

  it("failed: an outage", async () => {
    backend.fail("attempt", undefined, Number.POSITIVE_INFINITY);
    const error = await after(locks.acquire(free, { wait: 500 }), 2_000);
    expect(told).toEqual([["failed", { key: freeKey, waited: expect.any(Number), error }]]);
  });

  it("acquired", async () => {
    await locks.acquire(free);
    expect(told).toMatchObject([["acquired", { key: freeKey }]]);
  });

  it("not what its caller did wrong", async () => {
    await expect(locks.acquire(free, { ttl: -1 })).rejects.toThrow("ttl must be");
    await expect(locks.acquire(free, { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
    expect(told).toEqual([]);
  });
});

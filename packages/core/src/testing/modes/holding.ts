import assert from "node:assert/strict";
import { LockLostError } from "../../contract/errors.ts";
import { eventually } from "../test-api.ts";
import { type ModesTest, newKey, waiting } from "./scene.ts";

export function holdingTests(test: ModesTest): void {
  test("minHold keeps the key from everybody for its time, although it was released", async ({
    one,
    two,
  }) => {
    const key = newKey();
    const start = performance.now();
    const lease = await one.acquire(key, { minHold: 400, ttl: 10_000 });
    assert.equal(await lease.release(), "released");
    assert.equal(lease.validFor, 0);
    assert.equal(await two.tryAcquire(key), null);
    await (await two.acquire(key)).release();
    assert.ok(performance.now() - start >= 398);
    const short = await one.acquire(key, { minHold: 1 });
    await new Promise((resume) => setTimeout(resume, 5));
    await short.release();
    assert.equal(await one.inspect(key), null);
  });

  test("minHold of a lease that was taken by force cuts nothing off the next one", async ({ one, two }) => {
    const key = newKey();
    const taken = await one.acquire(key, { minHold: 5_000 });
    assert.equal(await two.forceRelease(key), true);
    const next = await two.acquire(key, { ttl: 60_000, renew: false });
    assert.equal(await taken.release(), "expired");
    const { remaining = 0 } = (await one.inspect(key))?.holders[0] ?? {};
    assert.ok(remaining > 20_000);
    assert.equal(await next.release(), "released");
  });

  test("maxHold ends a lease, whatever extends it", async ({ one, two }) => {
    const key = newKey();
    const start = performance.now();
    const lease = await one.acquire(key, { ttl: 300, maxHold: 600 });
    await lease.extend(60_000);
    assert.ok(lease.validFor <= 600);
    await (await two.acquire(key)).release();
    assert.ok(performance.now() - start < 600 + 2_000);
    await eventually("the end", () => (lease.signal.aborted ? true : undefined));
    assert.ok(lease.signal.reason instanceof LockLostError);
    assert.equal(lease.signal.reason.reason, "expired");
    assert.match(lease.signal.reason.message, /maxHold/);
    assert.equal(await lease.release(), "expired");
  });

  test("acquires again within a lease without asking, and releases only the outer one", async ({
    one,
    two,
  }) => {
    const [a, b] = [newKey(), newKey()];
    const outer = await one.acquire([a, b]);
    const inner = await one.acquire(b, { within: outer });
    assert.equal(inner.fencingToken, outer.fencingToken);
    assert.ok(inner.validFor > 0);
    assert.equal(await inner.release(), "released");
    assert.equal(await one.readWrite(a).read.using({ within: outer }, () => "read"), "read");
    assert.equal(inner.validFor, 0);
    assert.throws(() => inner.assertHeld(), LockLostError);
    assert.throws(() => inner.toTicket(), { code: "LOCK_USAGE" });
    outer.assertHeld();
    assert.equal(await two.tryAcquire(b), null);
    const other = await one.acquire(newKey(), { within: outer });
    await other.release();
    await outer.release();
    await assert.rejects(one.acquire(a, { within: outer }), { code: "LOCK_LOST" });
    assert.equal(await two.inspect(b), null);
  });

  test("refuses to acquire within a lease what would wait for itself", async ({ one, two }) => {
    const [a, b] = [newKey(), newKey()];
    const reader = await one.readWrite(a).read.acquire();
    await assert.rejects(one.acquire(a, { within: reader }), { code: "LOCK_USAGE", message: /shared/ });
    await assert.rejects(one.acquire([a, b], { within: reader }), {
      code: "LOCK_USAGE",
      message: /only some keys/,
    });
    await assert.rejects(two.acquire(a, { within: reader }), { code: "LOCK_USAGE", message: /within/ });
    assert.equal(await one.inspect(b), null);
    await reader.release();
  });
}

/** The same where there are semaphores and pools, too. */
export function holdingPermitsTests(test: ModesTest): void {
  test("minHold also outlasts a shorter ttl, and counts for readers and permits", async ({ one, two }) => {
    const [a, b] = [newKey(), newKey()];
    const start = performance.now();
    await one.readWrite(a).read.using({ minHold: 400, ttl: 100 }, () => undefined);
    await one.semaphore(b, { permits: 1 }).using({ minHold: 400, ttl: 100 }, () => undefined);
    await (await two.acquire(a)).release();
    await (await two.semaphore(b, { permits: 1 }).acquire()).release();
    assert.ok(performance.now() - start >= 398);
  });

  test("shows holders, mode, time left, fence, meta and waiters in their order, in every mode", async (scene) => {
    const { one, two } = scene;
    const key = newKey();
    const first = await one.readWrite(key).read.acquire({ meta: { turn: "1" } });
    const second = await two.readWrite(key).read.acquire({ meta: { turn: "2" } });
    const waits = [one.acquire(key, { meta: { turn: "3" } })];
    await waiting(scene, key, 1);
    waits.push(two.semaphore(key, { permits: 5 }).acquire({ meta: { turn: "4" } }));
    await waiting(scene, key, 2);
    waits.push(two.pool(key, { size: 5 }).acquire({ slot: 5, meta: { turn: "5" } }));
    await waiting(scene, key, 3);
    const state = await two.inspect(key);
    assert.equal(state?.mode, "shared");
    assert.equal(state.permits, undefined);
    assert.deepEqual([state.holding, state.waiting], [2, 3]);
    assert.deepEqual(
      state.holders.map(({ token, fencingToken, meta }) => [token, fencingToken, meta.turn]),
      [first, second].map((lease, index) => [lease.token.slice(0, 8), lease.fencingToken, `${index + 1}`]),
    );
    for (const { remaining = 0 } of state.holders) assert.ok(remaining > 20_000 && remaining <= 30_000);
    assert.deepEqual(
      state.waiters.map(({ mode, slot, meta }) => [mode, slot, meta.turn]),
      [
        ["exclusive", undefined, "3"],
        ["permits", undefined, "4"],
        ["permits", 5, "5"],
      ],
    );
    const seen: string[] = [];
    for await (const listed of one.list({ match: key })) seen.push(listed.mode);
    assert.deepEqual([...new Set(seen)], ["shared"]);
    await first.release();
    await second.release();
    for (const wait of waits) await (await wait).release();
    assert.equal(await one.inspect(key), null);
  });
}

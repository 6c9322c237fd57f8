import assert from "node:assert/strict";
import type { Locks } from "../api/locks-api.ts";
import { LockLostError, LockTimeoutError } from "../contract/errors.ts";
import { eventually, type Test, type TestApi, testsOn } from "./test-api.ts";

/** Two `locks` on the same store, as two processes would have them, and how to close what is under them. */
export interface OpenLocks {
  readonly one: Locks;
  readonly two: Locks;
  close(): Promise<void>;
}

/** What an author of a backend, or of something that can be locked like a mutex, gives. */
export interface LocksSuiteOptions {
  readonly api: TestApi;
  readonly name: string;
  open(): Promise<OpenLocks>;
}

/** Tests whose locks are closed after each, and then what is under them. */
export function testsOnLocks(api: TestApi, open: () => Promise<OpenLocks>): Test<OpenLocks> {
  return testsOn(api, async () => {
    const { one, two, close } = await open();
    const closeAll = async () => {
      await one.close();
      await two.close();
      await close();
    };
    return { one, two, close: closeAll };
  });
}

let made = 0;
const newKey = (): string => `user key ${made++}`;

/** What users of a mutex are promised, whatever backend is under it. */
export function locksSuite({ api, name, open }: LocksSuiteOptions): void {
  const test = testsOnLocks(api, open);

  api.describe(`locks: ${name}`, () => {
    acquiring(test);
    giving_up(test);
    scoped(test);
    leases(test);
    closing(test);
  });
}

function acquiring(test: Test<OpenLocks>): void {
  test("excludes all others while it is held", async ({ one, two }) => {
    const key = newKey();
    const lease = await one.acquire(key);
    assert.equal(await one.tryAcquire(key), null);
    assert.equal(await two.tryAcquire(key), null);
    assert.equal(await lease.release(), "released");
    const next = await two.tryAcquire(key);
    assert.ok(next !== null && next.fencingToken > lease.fencingToken);
  });

  test("counts to 200 without losing one, from 20 callers", async ({ one, two }) => {
    const key = newKey();
    let count = 0;
    let inside = 0;
    const caller = async (index: number) => {
      for (let turn = 0; turn < 10; turn++) {
        await (index % 2 === 0 ? one : two).using(key, { wait: "forever" }, async () => {
          inside += 1;
          assert.equal(inside, 1);
          const read = count;
          await new Promise((resume) => setImmediate(resume));
          count = read + 1;
          inside -= 1;
        });
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, index) => caller(index)));
    assert.equal(count, 200);
  });

  test("tells its events", async ({ one, two }) => {
    const key = newKey();
    const told: string[] = [];
    for (const event of ["acquired", "contended", "released"] as const) two.on(event, () => told.push(event));
    const lease = await one.acquire(key);
    const waiting = two.acquire(key);
    await eventually("contention", () => (told.includes("contended") ? true : undefined));
    await lease.release();
    await (await waiting).release();
    assert.deepEqual(told, ["contended", "acquired", "released"]);
  });
}

function giving_up(test: Test<OpenLocks>): void {
  test("times out with the holder that it saw, and leaves the queue", async ({ one, two }) => {
    const key = newKey();
    const lease = await one.acquire(key);
    const [immediate, later] = await Promise.allSettled([
      two.acquire(key, { wait: 0 }),
      two.acquire(key, { wait: 200 }),
    ]);
    for (const outcome of [immediate, later]) {
      assert.ok(outcome.status === "rejected" && outcome.reason instanceof LockTimeoutError);
      assert.equal(outcome.reason.key, key);
      assert.ok(outcome.reason.holder?.holder?.includes(":"));
    }
    await eventually("nobody waits", async () =>
      (await one.inspect(key))?.waiting === 0 ? true : undefined,
    );
    await lease.release();
    assert.equal(await one.inspect(key), null);
  });

  test("stops waiting with the reason of an aborted signal", async ({ one, two }) => {
    const key = newKey();
    const reason = new Error("the user went away");
    const lease = await one.acquire(key);
    const aborted = new AbortController();
    const waiting = two.acquire(key, { wait: "forever", signal: aborted.signal });
    await eventually("a waiter", async () => ((await one.inspect(key))?.waiting === 1 ? true : undefined));
    aborted.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
    await assert.rejects(two.acquire(key, { signal: aborted.signal }), (error) => error === reason);
    await eventually("nobody waits", async () =>
      (await one.inspect(key))?.waiting === 0 ? true : undefined,
    );
    await lease.release();
    assert.equal(await one.inspect(key), null);
  });
}

function scoped(test: Test<OpenLocks>): void {
  test("releases after the callback, and settles as it does", async ({ one }) => {
    const key = newKey();
    assert.equal(await one.using(key, async (lease) => lease.keys[0]), key);
    assert.equal(await one.using(key, { ttl: 5_000 }, () => 7), 7);
    const mistake = new Error("of the callback");
    await assert.rejects(
      one.using(key, () => {
        throw mistake;
      }),
      (error) => error === mistake,
    );
    assert.equal(await one.inspect(key), null);
  });

  test("does not mask the callback's result when the lease is gone", async ({ one }) => {
    const key = newKey();
    assert.equal(await one.using(key, async () => ((await one.forceRelease(key)) ? "done" : "")), "done");
  });

  test("releases at the end of an `await using` block", async ({ one }) => {
    const key = newKey();
    {
      await using lease = await one.acquire(key);
      lease.assertHeld();
      assert.notEqual(await one.inspect(key), null);
    }
    assert.equal(await one.inspect(key), null);
  });
}

function leases(test: Test<OpenLocks>): void {
  test("is renewed until it is released", async ({ one, two }) => {
    const key = newKey();
    const lease = await one.acquire(key, { ttl: 1_500 });
    let extended = 0;
    one.on("extended", () => {
      extended += 1;
    });
    await eventually("two renewals", () => (extended >= 2 ? true : undefined));
    assert.equal(await two.tryAcquire(key), null);
    assert.ok(lease.validFor > 0 && lease.validFor < 1_500);
    assert.equal(lease.signal.aborted, false);
    await lease.release();
    assert.equal(lease.validFor, 0);
  });

  test("ends by itself when it is not renewed", async ({ one, two }) => {
    const key = newKey();
    const lease = await one.acquire(key, { ttl: 100, renew: false });
    const next = await two.acquire(key);
    assert.ok(next.fencingToken > lease.fencingToken);
    await eventually("the loss", () => (lease.signal.aborted ? true : undefined));
    assert.ok(lease.signal.reason instanceof LockLostError && lease.signal.reason.reason === "expired");
    assert.throws(() => lease.assertHeld(), LockLostError);
    await assert.rejects(lease.extend(), LockLostError);
    assert.equal(await lease.release(), "expired");
    next.assertHeld();
  });

  test("tells its holder when it was taken", async ({ one, two }) => {
    const key = newKey();
    const lease = await one.acquire(key, { ttl: 1_500 });
    const lost = new Promise((resolve) => lease.signal.addEventListener("abort", resolve));
    assert.equal(await two.forceRelease(key), true);
    const next = await two.acquire(key);
    await lost;
    assert.ok(lease.signal.reason instanceof LockLostError);
    assert.equal(lease.signal.reason.reason, "stolen");
    assert.equal(await lease.release(), "expired");
    assert.ok((await two.inspect(key))?.holders[0]?.fencingToken === next.fencingToken);
  });

  test("is prolonged by hand, and released once", async ({ one }) => {
    const key = newKey();
    const lease = await one.acquire(key, { ttl: 1_000, renew: false });
    await lease.extend(60_000);
    assert.ok(lease.validFor > 50_000);
    assert.deepEqual(await Promise.all([lease.release(), lease.release()]), ["released", "released"]);
    assert.throws(() => lease.assertHeld(), /released/);
  });
}

function closing(test: Test<OpenLocks>): void {
  test("close releases what is held, ends the waiting, and refuses what comes later", async ({
    one,
    two,
  }) => {
    const [held, waitedFor] = [newKey(), newKey()];
    await one.acquire(held);
    const lease = await two.acquire(waitedFor);
    const waiting = one.acquire(waitedFor, { wait: "forever" });
    await eventually("a waiter", async () =>
      (await two.inspect(waitedFor))?.waiting === 1 ? true : undefined,
    );
    const refused = assert.rejects(waiting, { code: "LOCK_USAGE" });
    await one.close();
    await refused;
    assert.equal(await two.inspect(held), null);
    assert.equal((await two.inspect(waitedFor))?.waiting, 0);
    await assert.rejects(one.acquire(held), { code: "LOCK_USAGE" });
    await lease.release();
  });
}

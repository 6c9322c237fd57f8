import assert from "node:assert/strict";
import { type ModesTest, newKey, Order, waiting } from "./scene.ts";

export function severalKeysTests(test: ModesTest): void {
  test("takes all keys or none, each once, in one order", async ({ one, two }) => {
    const [a, b, c] = [newKey(), newKey(), newKey()];
    const lease = await one.acquire([c, a, b, a]);
    assert.deepEqual(lease.keys, [a, b, c]);
    for (const key of [a, b, c]) assert.equal(await two.tryAcquire(key), null);
    await lease.extend(60_000);
    assert.ok(lease.validFor > 50_000);
    assert.equal(await lease.release(), "released");
    const middle = await one.acquire(b);
    assert.equal(await two.tryAcquire([a, b, c]), null);
    for (const key of [a, c]) await (await two.tryAcquire(key))?.release();
    await middle.release();
    for (const key of [a, b, c]) assert.equal(await one.inspect(key), null);
  });

  test("its fencing token is larger than any before of its keys, and smaller than any after", async ({
    one,
    two,
  }) => {
    const keys = [newKey(), newKey()];
    const fenceOf = (key: string | readonly string[], locks = one) =>
      locks.using(key, (lease) => lease.fencingToken);
    const before: number[] = [];
    for (const key of keys) before.push(await fenceOf(key), await fenceOf(key, two));
    const both = await fenceOf(keys);
    for (const fence of before) assert.ok(both > fence);
    for (const key of keys) assert.ok((await fenceOf(key, two)) > both);
  });

  test("16 callers with 3 of 6 keys each neither meet nor wait for ever", async ({ one, two }) => {
    const keys = Array.from({ length: 6 }, newKey);
    const holders = new Map<string, number>();
    let rounds = 0;
    const caller = async (index: number) => {
      for (let round = 0; round < 8; round++) {
        const wanted = [0, 1, 2].map(
          (step) => keys[(index * 5 + round * (step + 1) + step) % keys.length] ?? "",
        );
        const locks = index % 2 === 0 ? one : two;
        await locks.using(wanted, { wait: "forever" }, async (lease) => {
          for (const key of lease.keys) assert.equal(holders.has(key), false);
          for (const key of lease.keys) holders.set(key, index);
          await new Promise((resume) => setImmediate(resume));
          for (const key of lease.keys) holders.delete(key);
        });
        rounds += 1;
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, index) => caller(index)));
    assert.equal(rounds, 16 * 8);
    for (const key of keys) assert.equal(await one.inspect(key), null);
  });

  test("losing one of its keys it loses all, and keeps none", async ({ one, two }) => {
    for (const lost of ["first", "last"]) {
      const keys = [newKey(), newKey()].sort();
      const [taken = "", other = ""] = lost === "first" ? keys : keys.toReversed();
      const lease = await one.acquire(keys);
      assert.equal(await two.forceRelease(taken), true);
      await assert.rejects(lease.extend(), { code: "LOCK_LOST" }, `its ${lost} key is lost`);
      await (await two.acquire(other)).release();
      assert.equal(await lease.release(), "expired");
      const kept = await one.acquire(keys, { minHold: 50 });
      assert.equal(await two.forceRelease(taken), true);
      assert.equal(await kept.release(), "expired");
      await (await two.acquire(keys)).release();
    }
  });

  test("reads several keys together with other readers", async (scene) => {
    const { one, two } = scene;
    const [a, b] = [newKey(), newKey()];
    const single = await one.readWrite(a).read.acquire();
    const both = await two.readWrite([a, b]).read.acquire();
    assert.equal(await one.tryAcquire(b), null);
    await single.release();
    const writing = one.readWrite([a, b]).write.acquire();
    await waiting(scene, a, 1);
    await both.release();
    await (await writing).release();
    for (const key of [a, b]) assert.equal(await one.inspect(key), null);
  });
}

/** What goes beyond taking them one after the other. */
export function keysInOneStepTests(test: ModesTest): void {
  test("waits until all are free, holds nothing meanwhile, and is not overtaken", async (scene) => {
    const { one, two } = scene;
    const [a, b] = [newKey(), newKey()];
    const order = new Order();
    const [first, second] = [await one.acquire(a), await one.acquire(b)];
    const both = order.note("both", two.acquire([a, b]));
    await waiting(scene, a, 1);
    await waiting(scene, b, 1);
    const later = order.note("later", one.acquire(a));
    await waiting(scene, a, 2);
    await first.release();
    assert.equal((await one.inspect(a))?.holding, 0);
    assert.equal(await one.tryAcquire(a), null);
    await second.release();
    await both;
    assert.equal((await one.inspect(a))?.holding, 1);
    await order.release("both");
    await later;
    assert.deepEqual(order.names, ["both", "later"]);
    await order.release("later");
  });

  test("one that gives up lets those behind it in at once", async (scene) => {
    const { one, two } = scene;
    const [a, b] = [newKey(), newKey()];
    const held = await one.acquire(b);
    const abort = new AbortController();
    const both = assert.rejects(two.acquire([a, b], { signal: abort.signal }), /gone/);
    await waiting(scene, a, 1);
    const behind = one.acquire(a, { wait: "forever" });
    await waiting(scene, a, 2);
    abort.abort(new Error("gone"));
    await both;
    await (await behind).release();
    await held.release();
    for (const key of [a, b]) assert.equal(await one.inspect(key), null);
  });

  test("a reader of several keys that waits is not overtaken by a writer", async (scene) => {
    const { one, two } = scene;
    const [a, b] = [newKey(), newKey()];
    const order = new Order();
    const held = await one.acquire(b);
    const reading = order.note("reader", one.readWrite([a, b]).read.acquire());
    await waiting(scene, a, 1);
    assert.equal(await two.tryAcquire(a), null);
    const writing = order.note("writer", two.acquire(a));
    await waiting(scene, a, 2);
    await held.release();
    await reading;
    await order.release("reader");
    await writing;
    assert.deepEqual(order.names, ["reader", "writer"]);
    await order.release("writer");
  });
}

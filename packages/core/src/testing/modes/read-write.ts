import assert from "node:assert/strict";
import { type ModesTest, newKey, Order, waiting } from "./scene.ts";

export function readWriteTests(test: ModesTest): void {
  test("readers share a key, and keep out writers and plain locks", async ({ one, two }) => {
    const key = newKey();
    const readers = [await one.readWrite(key).read.acquire(), await two.readWrite(key).read.acquire()];
    for (const locks of [one, two]) {
      assert.equal(await locks.readWrite(key).write.tryAcquire(), null);
      assert.equal(await locks.tryAcquire(key), null);
    }
    await readers[0]?.release();
    assert.equal(await one.tryAcquire(key), null);
    await readers[1]?.release();
    const writer = await two.readWrite(key).write.acquire();
    assert.equal(await one.readWrite(key).read.tryAcquire(), null);
    assert.equal(await one.tryAcquire(key), null);
    assert.equal(await writer.release(), "released");
    const plain = await one.acquire(key);
    assert.equal(await two.readWrite(key).read.tryAcquire(), null);
    await plain.release();
    assert.equal(await one.inspect(key), null);
  });

  test("first come, first served: later readers stand behind a writer, and enter together after it", async (scene) => {
    const { one, two } = scene;
    const key = newKey();
    const order = new Order();
    await order.note("first", one.readWrite(key).read.acquire());
    const waits: Promise<unknown>[] = [order.note("writer", two.readWrite(key).write.acquire())];
    await waiting(scene, key, 1);
    for (const name of ["a", "b", "c"]) {
      waits.push(order.note(name, (name === "b" ? two : one).readWrite(key).read.acquire()));
    }
    await waiting(scene, key, 4);
    assert.equal(await one.readWrite(key).read.tryAcquire(), null);
    waits.push(order.note("last", one.acquire(key)));
    await waiting(scene, key, 5);
    await order.release("first");
    await order.reached(2);
    assert.deepEqual(order.names, ["first", "writer"]);
    await order.release("writer");
    await order.reached(5);
    assert.deepEqual(order.names.slice(2).toSorted(), ["a", "b", "c"]);
    await order.release("a", "b", "c");
    await Promise.all(waits);
    await order.release("last");
    assert.equal(await one.inspect(key), null);
  });

  test("a writer that gives up lets the readers behind it in at once", async (scene) => {
    const { one, two } = scene;
    const key = newKey();
    const reader = await one.readWrite(key).read.acquire();
    const abort = new AbortController();
    const writer = assert.rejects(two.readWrite(key).write.acquire({ signal: abort.signal }), /gone/);
    await waiting(scene, key, 1);
    const behind = two.readWrite(key).read.acquire({ wait: "forever" });
    await waiting(scene, key, 2);
    abort.abort(new Error("gone"));
    await writer;
    await (await behind).release();
    reader.assertHeld();
    await reader.release();
  });

  test("fencing tokens: readers carry the last writer's, the next writer's is larger", async ({
    one,
    two,
  }) => {
    const key = newKey();
    const fenceOf = (locks: typeof one, kind: "read" | "write") =>
      locks.readWrite(key)[kind].using((lease) => lease.fencingToken);
    const first = await fenceOf(one, "write");
    const readers = [await fenceOf(two, "read"), await fenceOf(one, "read")];
    const second = await fenceOf(two, "write");
    for (const reader of readers) assert.ok(reader >= first && reader < second);
    assert.equal(readers[0], readers[1]);
  });

  test("a reader that dies keeps a writer waiting only until its lease ends", async ({ one, two }) => {
    const key = newKey();
    const dead = await one.readWrite(key).read.acquire({ ttl: 150, renew: false });
    const alive = await one.readWrite(key).read.acquire();
    const writing = two.readWrite(key).write.acquire();
    await alive.release();
    const writer = await writing;
    assert.equal(dead.validFor, 0);
    assert.ok(writer.fencingToken > dead.fencingToken);
    await writer.release();
  });

  test("readers of one key are renewed, prolonged and lost one by one", async ({ one, two }) => {
    const key = newKey();
    const [a, b] = [await one.readWrite(key).read.acquire(), await two.readWrite(key).read.acquire()];
    await a.extend(60_000);
    assert.ok(a.validFor > 50_000 && b.validFor <= 30_000);
    assert.equal(await one.forceRelease(key, { token: b.token.slice(0, 8) }), true);
    await assert.rejects(b.extend(), { code: "LOCK_LOST" });
    await a.extend();
    assert.equal(await two.tryAcquire(key), null);
    await a.release();
    assert.equal(await one.inspect(key), null);
  });
}

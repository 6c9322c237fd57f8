import assert from "node:assert/strict";
import type { LockEvents } from "../../lease/events.ts";
import { type ModesTest, newKey, Order, waiting } from "./scene.ts";

export function semaphoreTests(test: ModesTest): void {
  test("at most so many hold a permit, and those who wait are served in order", async (scene) => {
    const { one, two } = scene;
    const key = newKey();
    const [a, b] = [one.semaphore(key, { permits: 3 }), two.semaphore(key, { permits: 3 })];
    const held = [await a.acquire(), await b.acquire(), await a.acquire()];
    assert.equal(await a.tryAcquire(), null);
    assert.equal(await b.tryAcquire(), null);
    const order = new Order();
    const waits: Promise<unknown>[] = [];
    for (const [index, semaphore] of [b, a, b, a].entries()) {
      waits.push(order.note(String(index), semaphore.acquire()));
      await waiting(scene, key, index + 1);
    }
    await held[1]?.release();
    await order.reached(1);
    assert.equal((await one.inspect(key))?.holding, 3);
    await held[0]?.release();
    await order.reached(2);
    // One after the other: two processes that are served at once may hear of it in any order.
    await order.release("0");
    await order.reached(3);
    await order.release("1");
    await Promise.all(waits);
    assert.deepEqual(order.names, ["0", "1", "2", "3"]);
    await order.release("2", "3");
    await held[2]?.release();
    assert.equal(await one.inspect(key), null);
  });

  test("never lets in more than allowed, from 20 callers", async ({ one, two }) => {
    const key = newKey();
    let inside = 0;
    let most = 0;
    const caller = async (index: number) => {
      const semaphore = (index % 2 === 0 ? one : two).semaphore(key, { permits: 4 });
      for (let turn = 0; turn < 10; turn++) {
        await semaphore.using({ wait: "forever" }, async () => {
          inside += 1;
          most = Math.max(most, inside);
          await new Promise((resume) => setTimeout(resume, 1));
          inside -= 1;
        });
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, index) => caller(index)));
    assert.equal(most, 4);
  });

  test("every permit has a fencing token of its own, larger than those before", async ({ one, two }) => {
    const key = newKey();
    const fences: number[] = [];
    for (const locks of [one, two, one]) {
      fences.push((await locks.semaphore(key, { permits: 3 }).acquire()).fencingToken);
    }
    assert.deepEqual(
      fences,
      [...new Set(fences)].toSorted((a, b) => a - b),
    );
  });

  test("the smaller number of permits rules, and both sides are told of the mismatch", async ({
    one,
    two,
  }) => {
    const key = newKey();
    const told: Pick<LockEvents["permitsMismatch"], "key" | "permits" | "others">[] = [];
    for (const locks of [one, two])
      locks.on("permitsMismatch", ({ key, permits, others }) => told.push({ key, permits, others }));
    const held = [
      await one.semaphore(key, { permits: 3 }).acquire(),
      await one.semaphore(key, { permits: 3 }).acquire(),
    ];
    assert.equal(await two.semaphore(key, { permits: 2 }).tryAcquire(), null);
    assert.deepEqual(told, [{ key, permits: 2, others: 3 }]);
    await held[0]?.release();
    const smaller = await two.semaphore(key, { permits: 2 }).acquire();
    assert.equal((await one.inspect(key))?.permits, 2);
    assert.equal(await one.semaphore(key, { permits: 3 }).tryAcquire(), null);
    assert.deepEqual(told.at(-1), { key, permits: 3, others: 2 });
    await held[1]?.release();
    await smaller.release();
    const fresh = await one.semaphore(key, { permits: 3 }).acquire();
    assert.equal((await one.inspect(key))?.permits, 3);
    await fresh.release();
  });

  test("a permit whose holder is gone comes back when its lease ends", async ({ one, two }) => {
    const key = newKey();
    await one.semaphore(key, { permits: 2 }).acquire({ ttl: 150, renew: false });
    const lasting = await one.semaphore(key, { permits: 2 }).acquire();
    const next = await two.semaphore(key, { permits: 2 }).acquire();
    assert.equal(await two.semaphore(key, { permits: 2 }).tryAcquire(), null);
    assert.deepEqual([await next.release(), await lasting.release()], ["released", "released"]);
  });

  test("modes of one key keep each other out", async ({ one, two }) => {
    const key = newKey();
    const permit = await one.semaphore(key, { permits: 2 }).acquire();
    assert.equal(await two.tryAcquire(key), null);
    assert.equal(await two.readWrite(key).read.tryAcquire(), null);
    await permit.release();
    const reader = await one.readWrite(key).read.acquire();
    assert.equal(await two.semaphore(key, { permits: 2 }).tryAcquire(), null);
    await reader.release();
    const plain = await one.acquire(key);
    assert.equal(await two.semaphore(key, { permits: 2 }).tryAcquire(), null);
    await plain.release();
  });
}

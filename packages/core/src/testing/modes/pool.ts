import assert from "node:assert/strict";
import { LockTimeoutError } from "../../contract/errors.ts";
import { type ModesTest, newKey, Order, waiting } from "./scene.ts";

export function poolTests(test: ModesTest): void {
  test("gives the lowest slot that is free, or the chosen one, and shows who has which", async ({
    one,
    two,
  }) => {
    const name = newKey();
    const [a, b] = [one.pool(name, { size: 3 }), two.pool(name, { size: 3 })];
    const chosen = await a.acquire({ slot: 2, meta: { job: "7" } });
    assert.equal(chosen.slot, 2);
    assert.equal(await b.tryAcquire({ slot: 2 }), null);
    const [first, third] = [await b.acquire(), await b.acquire()];
    assert.deepEqual([first.slot, third.slot], [1, 3]);
    assert.equal(await a.tryAcquire(), null);
    await first.release();
    const [slot1, slot2, slot3] = await b.list();
    assert.deepEqual(slot1, { slot: 1, inUse: false });
    assert.ok(slot2?.inUse && slot3?.inUse);
    assert.equal(slot2.holder, (await one.inspect(name))?.holders[0]?.holder);
    assert.deepEqual(slot2.meta, { job: "7" });
    assert.equal(slot2.fencingToken, chosen.fencingToken);
    assert.ok(slot2.since !== undefined && slot2.until !== undefined);
    const lasts = slot2.until.getTime() - Date.now();
    assert.ok(lasts > 20_000 && lasts <= 30_000 + 1_000);
    assert.equal((await a.acquire()).slot, 1);
    await chosen.release();
    await third.release();
    assert.equal(await a.using((lease) => lease.slot), 2);
  });

  test("serves those who want any slot in order, whichever comes free", async (scene) => {
    const { one, two } = scene;
    const name = newKey();
    const pools = [one.pool(name, { size: 2 }), two.pool(name, { size: 2 })];
    const held = [await pools[0]?.acquire(), await pools[0]?.acquire()];
    const order = new Order();
    const waits: Promise<unknown>[] = [];
    for (let index = 0; index < 4; index++) {
      const acquiring = pools[index % 2]?.acquire();
      if (acquiring !== undefined) waits.push(order.note(String(index), acquiring));
      await waiting(scene, name, index + 1);
    }
    await held[1]?.release();
    await order.reached(1);
    await held[0]?.release();
    await order.reached(2);
    // One after the other: two that are served at once may hear of it in any order.
    await order.release("1");
    await order.reached(3);
    await order.release("0");
    await Promise.all(waits);
    assert.deepEqual(order.names, ["0", "1", "2", "3"]);
    await order.release("2", "3");
    assert.equal(await one.inspect(name), null);
  });

  test("one that waits for a chosen slot keeps nobody from the others", async (scene) => {
    const { one, two } = scene;
    const name = newKey();
    const pool = one.pool(name, { size: 2 });
    const two_ = two.pool(name, { size: 2 });
    const first = await pool.acquire({ slot: 1 });
    const order = new Order();
    const picky = order.note("picky", two_.acquire({ slot: 1 }));
    await waiting(scene, name, 1);
    const other = await pool.acquire();
    assert.equal(other.slot, 2);
    const any = order.note("any", pool.acquire());
    await waiting(scene, name, 2);
    await other.release();
    assert.equal((await any).slot, 2);
    await first.release();
    assert.equal((await picky).slot, 1);
    assert.deepEqual(order.names, ["any", "picky"]);
    await order.release("any", "picky");
  });

  test("a timeout names the slot that was wanted, and who has it", async (scene) => {
    const { one } = scene;
    const name = newKey();
    const pool = one.pool(name, { size: 3 });
    const all = [await pool.acquire({ ttl: 5_000 }), await pool.acquire({ ttl: 20_000 })];
    const timeout = await pool.acquire({ slot: 2, wait: 200 }).catch((error: unknown) => error);
    assert.ok(timeout instanceof LockTimeoutError);
    assert.match(timeout.message, /^slot 2 of "mode key/);
    assert.ok((timeout.holder?.remaining ?? 0) > 10_000);
    for (const lease of all) await lease.release();
  });

  test("a smaller pool sees the slots that others use above its size", async ({ one, two }) => {
    const name = newKey();
    const lease = await one.pool(name, { size: 4 }).acquire({ slot: 4 });
    const slots = await two.pool(name, { size: 2 }).list();
    assert.deepEqual(
      slots.map(({ inUse }) => inUse),
      [false, false, false, true],
    );
    assert.equal(JSON.parse(JSON.stringify(lease)).slot, 4);
    await lease.release();
  });

  test("a plain lock of the name waits for all slots and then has them all", async (scene) => {
    const { one, two } = scene;
    const name = newKey();
    const pool = one.pool(name, { size: 2 });
    const held = await pool.acquire();
    const maintenance = two.acquire(name);
    await waiting(scene, name, 1);
    assert.equal(await pool.tryAcquire(), null);
    await held.release();
    const lease = await maintenance;
    assert.equal(await pool.tryAcquire(), null);
    await lease.release();
    assert.equal((await pool.acquire()).slot, 1);
  });
}

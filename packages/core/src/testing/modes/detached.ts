import assert from "node:assert/strict";
import { detachedLeases } from "../../lease/detached.ts";
import { type ModesTest, newKey } from "./scene.ts";

export function detachedTests(test: ModesTest): void {
  test("whoever knows the token prolongs or ends it, also in another process", async ({ one, two }) => {
    const key = newKey();
    const [ours, theirs] = [detachedLeases(one), detachedLeases(two)];
    const token = ours.newToken();
    assert.match(token, /^[\w-]{22}$/);
    assert.equal(await ours.take(key, token, { ttl: 5_000, meta: { job: "7" } }), true);
    const [holder] = (await two.inspect(key))?.holders ?? [];
    assert.equal(holder?.token, token.slice(0, 8));
    assert.deepEqual(holder?.meta, { job: "7" });
    assert.equal(await theirs.extend(key, token, 60_000), true);
    assert.ok(Number((await one.inspect(key))?.holders[0]?.remaining) > 5_000);
    assert.equal(await theirs.release(key, token), true);
    assert.equal(await one.inspect(key), null);
  });

  test("keeps everybody else out, and is nobody else's to end", async ({ one, two }) => {
    const key = newKey();
    const [ours, theirs] = [detachedLeases(one), detachedLeases(two)];
    const token = ours.newToken();
    await ours.take(key, token, { ttl: 60_000 });
    assert.equal(await theirs.take(key, theirs.newToken(), { ttl: 60_000 }), false);
    assert.equal(await two.tryAcquire(key), null);
    assert.equal(await theirs.release(key, theirs.newToken()), false);
    assert.equal(await theirs.extend(key, theirs.newToken(), 60_000), false);
    assert.equal(await ours.take(key, token, { ttl: 60_000 }), true);
    assert.equal(await ours.release(key, token), true);
  });

  test("is not taken while somebody holds the key", async ({ one, two }) => {
    const key = newKey();
    const lease = await one.acquire(key);
    const theirs = detachedLeases(two);
    assert.equal(await theirs.take(key, theirs.newToken(), { ttl: 60_000 }), false);
    lease.assertHeld();
    await lease.release();
  });

  test("is left alone by close, and told by no event", async ({ one, two }) => {
    const key = newKey();
    const told: string[] = [];
    for (const event of ["acquired", "released", "lost"] as const) one.on(event, () => told.push(event));
    const ours = detachedLeases(one);
    const token = ours.newToken();
    await ours.take(key, token, { ttl: 60_000 });
    await one.close();
    assert.equal((await two.inspect(key))?.holding, 1);
    assert.deepEqual(told, []);
    await assert.rejects(ours.take(newKey(), ours.newToken(), { ttl: 60_000 }), { code: "LOCK_USAGE" });
    assert.equal(await detachedLeases(two).release(key, token), true);
  });

  test("ends by itself with its ttl", async ({ one, two }) => {
    const key = newKey();
    const ours = detachedLeases(one);
    const token = ours.newToken();
    await ours.take(key, token, { ttl: 50 });
    await (await two.acquire(key)).release();
    assert.equal(await ours.extend(key, token, 60_000), false);
    assert.equal(await ours.release(key, token), false);
  });

  test("refuses wrong options, and what are no locks", async ({ one }) => {
    const ours = detachedLeases(one);
    for (const [key, ttl] of [
      ["", 1_000],
      [newKey(), 0],
      [newKey(), 86_400_001],
    ] as const) {
      await assert.rejects(ours.take(key, ours.newToken(), { ttl }), { code: "LOCK_USAGE" });
    }
    assert.throws(() => detachedLeases({}), { code: "LOCK_USAGE" });
  });
}

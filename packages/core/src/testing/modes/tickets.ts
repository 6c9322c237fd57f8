import assert from "node:assert/strict";
import type { LeaseTicket } from "../../lease/ticket.ts";
import { eventually } from "../test-api.ts";
import { type ModesTest, newKey } from "./scene.ts";

/** As it would arrive over a network. */
const sent = (ticket: LeaseTicket): LeaseTicket => JSON.parse(JSON.stringify(ticket));

export function ticketTests(test: ModesTest): void {
  test("a ticket gives a lease to another process, which renews and releases it", async ({ one, two }) => {
    const key = newKey();
    const told: string[] = [];
    one.on("handedOver", () => told.push("handedOver"));
    two.on("acquired", () => told.push("acquired"));
    const lease = await one.acquire(key, { ttl: 1_500, meta: { job: "7" } });
    const ticket = sent(lease.toTicket());
    const adopted = await two.adopt(ticket);
    assert.deepEqual(told, ["handedOver", "acquired"]);
    assert.equal(adopted.fencingToken, lease.fencingToken);
    assert.deepEqual(adopted.keys, [key]);
    const state = await one.inspect(key);
    assert.deepEqual(state?.holders[0]?.meta, { job: "7" });
    assert.equal(state?.holders[0]?.token, adopted.token.slice(0, 8));
    let extended = 0;
    two.on("extended", () => {
      extended += 1;
    });
    await eventually("a renewal", () => (extended > 0 ? true : undefined));
    assert.equal(await one.tryAcquire(key), null);
    assert.equal(await adopted.release(), "released");
    assert.equal(await one.inspect(key), null);
  });

  test("who gave it away has nothing to do with it any more", async ({ one, two }) => {
    const key = newKey();
    const lease = await one.acquire(key);
    const adopted = await two.adopt(sent(lease.toTicket()));
    assert.equal(lease.validFor, 0);
    assert.equal(lease.signal.aborted, false);
    assert.throws(() => lease.assertHeld(), /handed over/);
    assert.throws(() => lease.toTicket(), /handed over/);
    await assert.rejects(lease.extend(), /handed over/);
    assert.equal(await lease.release(), "handedOver");
    await lease[Symbol.asyncDispose]();
    adopted.assertHeld();
    await adopted.extend();
    await adopted.release();
  });

  test("a ticket works once, and not after its lease has ended", async ({ one, two }) => {
    const key = newKey();
    const ticket = sent((await one.acquire(key)).toTicket());
    const adopted = await two.adopt(ticket);
    await assert.rejects(one.adopt(ticket), { code: "LOCK_LOST", reason: "stolen" });
    adopted.assertHeld();
    await adopted.release();
    await assert.rejects(one.adopt(ticket), { code: "LOCK_LOST", reason: "expired" });
    const short = sent((await one.acquire(key, { ttl: 30, renew: false })).toTicket());
    await (await two.acquire(key)).release();
    await assert.rejects(two.adopt(short), { code: "LOCK_LOST" });
    const lease = await one.acquire(key);
    await lease.release();
    assert.throws(() => lease.toTicket(), { code: "LOCK_LOST" });
  });

  test("a ticket for several keys of which one was taken is refused, and the others are freed", async ({
    one,
    two,
  }) => {
    const [a, b] = [newKey(), newKey()];
    const ticket = sent((await one.acquire([a, b])).toTicket());
    assert.equal(await two.forceRelease(a), true);
    await assert.rejects(two.adopt(ticket), { code: "LOCK_LOST" });
    await (await one.acquire([a, b])).release();
    for (const key of [a, b]) assert.equal(await one.inspect(key), null);
  });

  test("an altered ticket is refused", async ({ one, two }) => {
    const ticket = sent((await one.acquire(newKey())).toTicket());
    const altered: Partial<LeaseTicket>[] = [
      { keys: ["another"] },
      { fencingToken: ticket.fencingToken + 1 },
      { ttl: 80_000_000 },
      { token: `${ticket.token.slice(1)}A` },
      { mode: { kind: "shared" } },
      { check: "" },
    ];
    for (const change of altered) {
      await assert.rejects(two.adopt({ ...ticket, ...change }), { code: "LOCK_USAGE", message: /altered/ });
    }
    await (await two.adopt(ticket)).release();
  });

  test("leases of several keys and of readers travel", async ({ one, two }) => {
    const [a, b, c] = [newKey(), newKey(), newKey()];
    const leases = [await one.acquire([a, b]), await one.readWrite(c).read.acquire()];
    for (const lease of leases) {
      const adopted = await two.adopt(sent(lease.toTicket()));
      assert.deepEqual(adopted.keys, lease.keys);
      assert.equal(adopted.fencingToken, lease.fencingToken);
      await adopted.extend(50_000);
      assert.ok(adopted.validFor > 40_000);
      assert.equal(await adopted.release(), "released");
    }
    for (const key of [a, b, c]) assert.equal(await one.inspect(key), null);
  });
}

/** The same where there are semaphores and pools, too. */
export function ticketPermitsTests(test: ModesTest): void {
  test("leases of semaphores and pools travel", async ({ one, two }) => {
    const [d, e] = [newKey(), newKey()];
    const leases = [
      await one.semaphore(d, { permits: 2 }).acquire(),
      await one.pool(e, { size: 3 }).acquire({ slot: 2 }),
    ];
    for (const lease of leases) {
      const adopted = await two.adopt(sent(lease.toTicket()));
      assert.deepEqual(adopted.keys, lease.keys);
      assert.equal(adopted.fencingToken, lease.fencingToken);
      if (adopted.keys[0] === e) assert.equal((await one.pool(e, { size: 3 }).list())[1]?.inUse, true);
      await adopted.extend(50_000);
      assert.ok(adopted.validFor > 40_000);
      assert.equal(await adopted.release(), "released");
    }
    for (const key of [d, e]) assert.equal(await one.inspect(key), null);
  });
}

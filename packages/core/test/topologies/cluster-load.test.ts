import { askServer } from "@lock/redis-harness";
import { newestOrOlder, useCluster } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLocks } from "../../src/index.ts";
import { libraries } from "../support/clients.ts";
import { openPairs, type Pair } from "../support/lost-master.ts";

const cluster = useCluster();
let pairs: Pair[];

beforeAll(async () => {
  pairs = await openPairs(({ connectCluster }) => connectCluster(cluster().urls));
});
afterAll(async () => {
  await Promise.all(pairs.map((pair) => pair.close()));
});

type Turns = Record<string, number>;

/** Locks and releases one key with all libraries, from two processes each, while `work` goes on; returns how often. */
async function underLoad(prefix: string, key: string, work: (turns: Turns) => Promise<void>): Promise<Turns> {
  const turns: Turns = {};
  let done = false;
  const callers = pairs.flatMap(({ name, locks }) => {
    let inside = 0;
    const caller = async (each: ReturnType<typeof locks>[number]) => {
      while (!done) {
        await each.using(key, { wait: 20_000 }, async () => {
          inside += 1;
          expect(inside).toBe(1);
          await new Promise((resume) => setImmediate(resume));
          inside -= 1;
        });
        turns[name] = (turns[name] ?? 0) + 1;
      }
    };
    const [one, two] = locks(prefix);
    return [caller(one), caller(one), caller(two), caller(two)];
  });
  const all = Promise.all(callers);
  await Promise.race([work(turns), all]);
  done = true;
  await all;
  return turns;
}

/** Waits until all libraries had so many turns more. */
async function moreTurns(turns: Turns, count: number): Promise<void> {
  const goals = pairs.map(({ name }) => ({ name, goal: (turns[name] ?? 0) + count }));
  await expect.poll(() => goals.filter(({ name, goal }) => (turns[name] ?? 0) < goal)).toEqual([]);
}

describe("Cluster under load", () => {
  it("the slot of the keys moves from master to master: no error, nobody meets", async () => {
    const key = "moving";
    const slot = await cluster().slotOf(key);
    let moves = 0;
    const turns = await underLoad("moving", key, async (turns) => {
      for (; moves < 12; moves++) {
        const masters = await cluster().masters();
        const now = await cluster().masterOf(slot);
        const next = masters[(masters.indexOf(now) + 1) % masters.length];
        if (next === undefined) throw new Error("there is no other master");
        await cluster().moveSlot(slot, next);
        await moreTurns(turns, 2);
      }
    });
    console.log(`${moves} moves of the slot under load, turns meanwhile: ${JSON.stringify(turns)}`);
    expect(moves).toBe(12);
    for (const { name } of pairs) expect(turns[name], name).toBeGreaterThan(moves);
  });

  it("the scripts are flushed on all nodes all the time: no error", async () => {
    let flushes = 0;
    const turns = await underLoad("flushed", "flushed", async (turns) => {
      for (; flushes < 40; flushes++) {
        await Promise.all(cluster().servers.map(({ port }) => askServer(port, "SCRIPT", "FLUSH")));
        await moreTurns(turns, 1);
      }
    });
    console.log(`${flushes} flushes of scripts under load, turns meanwhile: ${JSON.stringify(turns)}`);
    expect(flushes).toBe(40);
    for (const { name } of pairs) expect(turns[name], name).toBeGreaterThan(10);
  });

  it("waiters are woken by messages, whatever node their key is on, and all keys are listed", async () => {
    const keys = Array.from({ length: 24 }, (_, index) => `key ${index}`);
    const waits: number[] = [];
    for (const { name, locks } of pairs) {
      const [one, two] = locks("woken");
      const held = await Promise.all(keys.map((key) => one.acquire(key)));
      const waiting = keys.map((key) => two.acquire(key, { wait: "forever" }));
      const listed: string[] = [];
      await expect
        .poll(async () => {
          const states = await Promise.all(keys.map((key) => one.inspect(key)));
          return states.filter((state) => state?.waiting === 1).length;
        })
        .toBe(keys.length);
      for await (const { key } of one.list()) listed.push(key);
      expect(listed.sort(), name).toEqual(keys.toSorted());
      const released = performance.now();
      await Promise.all(held.map((lease) => lease.release()));
      const leases = await Promise.all(waiting);
      waits.push(Math.round(performance.now() - released));
      await Promise.all(leases.map((lease) => lease.release()));
    }
    console.log(`24 keys on three masters are handed over within ${waits} ms`);
    // They would ask again after a second.
    for (const wait of waits) expect(wait).toBeLessThan(900);
  });
});

describe.each(newestOrOlder(libraries))("a plain $name of one node of a cluster", ({ connect }) => {
  it("is told at once which client to use, where a key is on another node", async () => {
    const client = await connect(cluster().urls[0] ?? "");
    const locks = createLocks({ backend: client.backend() });
    const all = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) =>
        locks.using(`anywhere ${index}`, { wait: 20_000 }, () => "ok"),
      ),
    );
    const refused = all.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
    expect(refused.length).toBeGreaterThan(0);
    for (const reason of refused) {
      expect(reason).toMatchObject({ code: "LOCK_BACKEND", retryable: false, ambiguous: false });
      expect(String(reason)).toMatch(/new Cluster.*createCluster/s);
    }
    await locks.close();
    client.close();
  });
});

import { useRedis } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import type { Contestant, Session } from "../../src/contestants/contestant.ts";
import { findContestant } from "../../src/contestants/index.ts";
import { redisSemaphore } from "../../src/contestants/redis-semaphore.ts";
import { redlockUniversalOnIoredis5 } from "../../src/contestants/redlock-universal.ts";
import { redlock4 } from "../../src/contestants/redlock4.ts";
import { redlock5 } from "../../src/contestants/redlock5.ts";
import { verrou } from "../../src/contestants/verrou.ts";
import { useClients } from "../support/clients.ts";
import { watch } from "../support/watch.ts";

const rivals: readonly Contestant[] = [
  redlock5,
  redlock4,
  redisSemaphore,
  redlockUniversalOnIoredis5,
  verrou,
];
const ours = findContestant("@lock/core on ioredis 5");

const redis = useRedis();
const connect = useClients();

/** Takes a key and frees it, so that the server knows the scripts of the library. */
async function warmUp(session: Session): Promise<void> {
  const release = await session.acquire("warm-up");
  await release();
}

/** In one tick a holder frees a key that another waits for, and a newcomer asks for it: who gets it first, and then. */
async function orderOf(contestant: Contestant): Promise<string[]> {
  const key = `overtaken ${contestant.name}`;
  await using watched = await watch(connect(redis.url));
  const session = await contestant.open(redis.url);
  await warmUp(session);
  const release = await session.acquire(key);
  const refused = watched.times(key, 1);
  const order: string[] = [];
  const turn = (name: string) => async (release: () => Promise<unknown>) => {
    order.push(name);
    await release();
  };
  const waiter = session.acquire(key).then(turn("waiter"));
  await refused;
  await Promise.all([release(), session.acquire(key).then(turn("newcomer")), waiter]);
  await session.close();
  return order;
}

describe("a key that others wait for", () => {
  it.each(rivals)("$name lets a newcomer overtake a waiter", async (rival) => {
    expect(await orderOf(rival)).toEqual(["newcomer", "waiter"]);
  });

  it("@lock/core serves the waiter first", async () => {
    expect(await orderOf(ours)).toEqual(["waiter", "newcomer"]);
  });
});

describe("a waiter", () => {
  it.each(rivals)("$name asks again and again while it waits, and subscribes to nothing", async (rival) => {
    const key = `polled ${rival.name}`;
    const control = connect(redis.url);
    await using watched = await watch(control);
    const session = await rival.open(redis.url);
    const release = await session.acquire(key);
    const asked = watched.times(key, 20);
    const waiting = session.acquire(key);
    // Nothing happens to the key meanwhile.
    await asked;
    const connections = String(await control.client("LIST"))
      .trim()
      .split("\n");
    expect(connections.filter((connection) => !/ sub=0 psub=0 /.test(connection))).toEqual([]);
    await release();
    await (await waiting)();
    await session.close();
  });
});

describe("a grant", () => {
  it.each(rivals)("$name leaves nothing on the server that could count grants", async (rival) => {
    const control = connect(redis.url);
    await control.flushall();
    await using watched = await watch(control);
    const session = await rival.open(redis.url);
    const release = await session.acquire("counted");
    expect(await control.dbsize()).toBe(1);
    expect(await control.type((await control.keys("*"))[0] ?? "")).toBe("string");
    await release();
    expect(await control.dbsize()).toBe(0);
    await session.close();
    const names = watched.seen.map(([name = ""]) => name.toLowerCase());
    expect(names).toEqual(expect.not.arrayContaining(["time", "incr", "incrby", "hincrby"]));
  });

  it("@lock/core leaves a counter", async () => {
    const control = connect(redis.url);
    await control.flushall();
    const session = await ours.open(redis.url);
    await warmUp(session);
    expect(await control.dbsize()).toBe(1);
    await session.close();
  });
});

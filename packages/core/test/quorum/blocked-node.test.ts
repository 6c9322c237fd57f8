import { isDeepStrictEqual } from "node:util";
import { askServer } from "@lock/redis-harness";
import { beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../src/testing/test-api.ts";
import { found, heldOn, openBeside, openSites, useSites } from "../support/quorum-sites.ts";

const HOUR = 3_600_000;
const ALL = [0, 1, 2, 3, 4];

describe.concurrent("one node alone cannot keep a key from all", () => {
  const five = useSites(5);
  beforeAll(async () => void (await found(five)));

  it.each(ALL)("another program's value without end on node %i", async (node) => {
    await using sites = await openBeside(five);
    const [one, two] = [await found(sites), await sites.open()];
    const key = `foreign ${node}`;
    await askServer(sites.at(node).server.port, "SET", `lock:{${key}}`, "of another program");
    const lease = await one.locks.acquire(key, { wait: 10_000 });
    expect(await two.locks.tryAcquire(key)).toBeNull();
    const waiting = two.locks.acquire(key, { wait: 20_000 });
    expect(await lease.release()).toBe("released");
    const next = await waiting;
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    expect(await next.release()).toBe("released");
    const blocked = ALL.map((index) => index === node);
    await eventually(
      "it is held there only",
      async () => isDeepStrictEqual(await heldOn(sites, key), blocked) || undefined,
    );
    await askServer(sites.at(node).server.port, "DEL", `lock:{${key}}`);
  });

  it("where all wait, hand-overs go on as fast as they are asked for", async () => {
    await using sites = await openBeside(five);
    const { locks } = await found(sites);
    await askServer(sites.at(0).server.port, "SET", "lock:{in turn}", "of another program");
    const start = performance.now();
    const turns = Array.from({ length: 12 }, () => locks.using("in turn", { wait: 60_000 }, () => undefined));
    await Promise.all(turns);
    // By the timer of the queue there, which nobody serves, it would be one a second.
    expect(performance.now() - start).toBeLessThan(6_000);
    await askServer(sites.at(0).server.port, "DEL", "lock:{in turn}");
  });

  it("which refuses one key for what it holds there keeps the order of those who wait for another", async () => {
    await using sites = await openBeside(five);
    const [one, two] = [await found(sites), await sites.open()];
    await askServer(sites.at(0).server.port, "HSET", "lock:{refused}", "of another", "program");
    const lease = await two.locks.acquire("wanted", { ttl: 60_000 });
    const order: string[] = [];
    const turns: Promise<void>[] = [];
    for (const [name, { locks }] of Object.entries({ one, two })) {
      turns.push(locks.using("wanted", { wait: 60_000 }, () => void order.push(name)));
      const isWaiting = async () =>
        (await one.locks.inspect("wanted"))?.waiting === turns.length || undefined;
      await eventually("it waits", isWaiting);
    }
    for (let turn = 0; turn < 3; turn++) await one.locks.using("refused", { wait: 10_000 }, () => undefined);
    await lease.release();
    await Promise.all(turns);
    expect(order).toEqual(["one", "two"]);
    await askServer(sites.at(0).server.port, "DEL", "lock:{refused}");
  });

  it("on three nodes it excludes us", async () => {
    await using sites = await openBeside(five);
    const { locks } = await found(sites);
    for (const node of [0, 2, 4]) {
      await askServer(
        sites.at(node).server.port,
        "SET",
        "lock:{foreign}",
        "of another program",
        "PX",
        "60000",
      );
    }
    expect(await locks.tryAcquire("foreign", { wait: 500 })).toBeNull();
  });

  it("a dead process's lease on a node whose clock was set back later", async () => {
    await using sites = await openSites(5, { clockOffsetOf: 0 });
    // It became a member long before.
    sites.at(0).server.setClockOffset(-3 * HOUR);
    for (const { server } of sites.all) await askServer(server.port, "DEL", "lock:quorum");
    const [one, two] = [await found(sites, { proxied: ALL, maxTtl: 20_000 }), await sites.open()];
    sites.at(0).server.setClockOffset(0);
    const lease = await one.locks.acquire("left behind", { ttl: 1_000, renew: false });
    await eventually(
      "all nodes have it",
      async () => (await heldOn(sites, "left behind")).every(Boolean) || undefined,
    );
    for (const { proxy } of sites.all) proxy.blackhole();
    sites.at(0).server.setClockOffset(-HOUR);
    const next = await two.locks.acquire("left behind", { wait: 10_000 });
    expect(lease.validFor).toBe(0);
    expect(await heldOn(sites, "left behind")).toContain(true);
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    await next.release();
  });
});

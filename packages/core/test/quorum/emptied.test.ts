import { askServer, type Balancer, type RedisServer, startBalancer, startRedis } from "@lock/redis-harness";
import { afterEach, describe, expect, it } from "vitest";
import { createLocks, type LocksWithoutPermits } from "../../src/index.ts";
import { openQuorum } from "../support/quorum.ts";

const pause = (ms: number) => new Promise((resume) => setTimeout(resume, ms));
/** Also the longest: for so long one that has lost its data does not vote. */
const MAX = 5_000;

/** The name of a node leads to another server from now on. */
function leadTo(name: Balancer | undefined, server: RedisServer): void {
  name?.route(() => server);
  for (const connection of name?.open() ?? []) name?.cut(connection);
}

describe("a node of three that has lost its data, and with it a lease that stands on it and one more", () => {
  let servers: RedisServer[] = [];
  let names: Balancer[] = [];
  const closing: (() => Promise<void>)[] = [];

  const start = async (persist: boolean) => {
    servers = await Promise.all([0, 1, 2].map(() => startRedis({ persist })));
    names = await Promise.all(servers.map(startBalancer));
  };
  const open = async (durable = false): Promise<LocksWithoutPermits> => {
    const urls = names.map(({ url }) => url);
    const terms = { maxTtl: MAX, nodeTimeout: 600, durable };
    const process = await openQuorum(urls, terms, undefined, { requestTimeout: 1_000 });
    const locks = createLocks({ backend: process.backend });
    closing.push(async () => {
      await locks.close();
      await process[Symbol.asyncDispose]();
    });
    return locks;
  };
  const empty = () => askServer(servers[0]?.port ?? 0, "FLUSHALL");
  const use = (locks: LocksWithoutPermits, key: string) =>
    locks.using(key, { ttl: 1_000, wait: 5_000 }, async () => undefined);
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
    await Promise.all(names.map((name) => name[Symbol.asyncDispose]()));
    await Promise.all(servers.map((server) => server.stop()));
  });

  /** `holder` is granted a lease by nodes 1 and 2 only, then `lose` is called. For how long it is believed when another gets it. */
  async function believedWhenTaken(
    holder: LocksWithoutPermits,
    other: LocksWithoutPermits,
    lose: () => unknown,
  ): Promise<number> {
    servers[2]?.pause();
    const lease = await holder.acquire("key", { ttl: MAX, renew: false, wait: 3_000 });
    await lose();
    // What was asked of node 3 comes too late.
    await pause(1_200);
    servers[2]?.resume();
    for (;;) {
      const taken = await other.tryAcquire("key", { ttl: 500 }).catch(() => null);
      const believed = lease.validFor;
      if (taken !== null) {
        await taken.release();
        return believed;
      }
      await pause(20);
    }
  }

  it("replaced by a server that was started before the old one was left", async () => {
    await start(false);
    const [holder, other] = [await open(), await open()];
    await use(holder, "founding");
    await use(other, "founding");
    const fresh = await startRedis();
    servers.push(fresh);
    await pause(0.75 * MAX);
    const believed = await believedWhenTaken(holder, other, () => leadTo(names[0], fresh));
    expect(believed).toBe(0);
  }, 60_000);

  it("durable, restarted, and emptied soon after that", async () => {
    await start(true);
    const [holder, other] = [await open(true), await open(true)];
    await use(holder, "founding");
    await use(other, "founding");
    await servers[0]?.kill();
    await servers[0]?.restart();
    await use(holder, "noticed").catch(() => undefined);
    await use(holder, "noticed");
    await use(other, "unnoticed");
    await pause(0.6 * MAX);
    expect(await believedWhenTaken(holder, other, empty)).toBe(0);
  }, 60_000);

  it("of a quorum that was founded anew, as documented, after all had been down", async () => {
    await start(false);
    const other = await open();
    await use(other, "founding");
    await Promise.all(servers.map((server) => server.kill()));
    await pause(MAX + 1_500);
    await Promise.all(servers.map((server) => server.restart({ empty: true })));
    const holder = await open();
    await use(holder, "founding");
    await pause(0.6 * MAX);
    expect(await believedWhenTaken(holder, other, empty)).toBe(0);
  }, 60_000);
});

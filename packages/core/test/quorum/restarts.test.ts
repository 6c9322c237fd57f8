import { askServer, startRedis } from "@lock/redis-harness";
import { describe, expect, it } from "vitest";
import { keepsEveryWrite } from "../../src/backends/redis/durability.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import { createLocks, type Lease, type LockEvents, type LocksWithoutPermits } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6 } from "../support/clients.ts";
import { openQuorum } from "../support/quorum.ts";
import { found, type Site, useSites } from "../support/quorum-sites.ts";

/** Also the longest: for so long a node that may have lost data does not vote. */
const TTL = 3_000;
const HOUR = 3_600_000;
const ALL_GRANT = ["granted", "granted", "granted"];

async function restart({ server }: Site, args: readonly string[] = []): Promise<void> {
  await server.kill();
  await server.restart({ args });
}

/** What a server without an append-only file starts with from now on. */
const saveSnapshot = ({ server }: Site) => askServer(server.port, "SAVE");

/** How the nodes vote for a key that nobody else wants. */
async function votesFor(key: string, locks: LocksWithoutPermits): Promise<readonly string[]> {
  const told = once(locks, "voted");
  await locks.using(key, { ttl: TTL, wait: 20_000 }, () => undefined);
  return (await told).votes.map(({ vote }) => vote);
}

function once(locks: LocksWithoutPermits, name: "voted"): Promise<LockEvents["voted"]> {
  return new Promise((resolve) => {
    const stop = locks.on(name, (event) => {
      stop();
      resolve(event);
    });
  });
}

async function untilAllGrant(locks: LocksWithoutPermits): Promise<void> {
  await eventually("all nodes vote", async () => {
    const votes = await votesFor("anything", locks);
    return votes.every((vote) => vote === "granted") ? true : undefined;
  });
}

describe("a node that keeps every write", () => {
  const sites = useSites(3, { persist: true });

  it("votes when it has restarted", async () => {
    const { locks } = await found(sites);
    await restart(sites.at(2));
    await untilAllGrant(locks);
  });

  it("does not vote when it is not sure to keep them any more", async () => {
    const { locks } = await found(sites, { maxTtl: TTL });
    await restart(sites.at(2), ["--appendfsync", "everysec"]);
    expect(await votesFor("not synced", locks)).toEqual(["granted", "granted", "abstained"]);
    await untilAllGrant(locks);
  });

  it("is not one that took over from a master", async () => {
    const { server } = sites.at(1);
    await using replica = await startRedis({
      persist: true,
      args: ["--replicaof", server.host, String(server.port)],
    });
    const answers = await Promise.all(
      [server, replica].map(async ({ port, url }) => {
        await eventually(
          "it is in step",
          async () =>
            /role:master|master_link_status:up/.test(await askServer(port, "INFO", "replication")) ||
            undefined,
        );
        await askServer(port, "REPLICAOF", "NO", "ONE");
        const client = await ioredis6.connect(url);
        const answer = await keepsEveryWrite(client.driver);
        client.close();
        return answer;
      }),
    );
    expect(answers).toEqual([true, false]);
  });
});

describe("nodes that keep snapshots", () => {
  const sites = useSites(3);

  it("do not vote before the leases of then have ended, when all have restarted", async () => {
    const old = await found(sites, { maxTtl: TTL });
    await Promise.all(sites.all.map(saveSnapshot));
    const lease = await old.locks.acquire("all at once", { ttl: TTL, renew: false });
    await Promise.all(sites.all.map((site) => restart(site)));
    const fresh = await sites.open({ maxTtl: TTL });
    const next = await fresh.locks.acquire("all at once", { wait: 20_000 });
    expect(lease.validFor).toBe(0);
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    await next.release();
  });

  it("vote on when they have forgotten nothing but their scripts", async () => {
    const { locks } = await found(sites, { maxTtl: TTL });
    await untilAllGrant(locks);
    for (const { server } of sites.all) await askServer(server.port, "SCRIPT", "FLUSH");
    expect(await votesFor("scripts", locks)).toEqual(ALL_GRANT);
  });

  it("are found out for each prefix and each database", async () => {
    const tenants = ["", "/5"].flatMap((database) => ["one", "two"].map((prefix) => ({ database, prefix })));
    const opened = await Promise.all(
      tenants.map(async ({ database, prefix }) => {
        const urls = sites.all.map(({ server }) => server.url + database);
        const { backend } = await openQuorum(urls, { maxTtl: TTL, nodeTimeout: 2_000 });
        return createLocks({ backend, prefix });
      }),
    );
    await Promise.all(opened.map(untilAllGrant));
    await saveSnapshot(sites.at(2));
    await restart(sites.at(2));
    for (const locks of opened) {
      expect(await votesFor("first after it", locks)).toEqual(["granted", "granted", "abstained"]);
    }
    for (const locks of opened) await locks.close();
  });

  it("grant no fencing token below one that they have forgotten", async () => {
    const old = await found(sites, { maxTtl: TTL, proxied: [0], nodeTimeout: 250 });
    await untilAllGrant(old.locks);
    const write = (locks: LocksWithoutPermits) =>
      Promise.all(
        ["one", ["two", "three"], "four"].map((key) => locks.using(key, { wait: 20_000 }, fenceOf)),
      );
    await write(old.locks);
    await saveSnapshot(sites.at(2));
    sites.at(0).proxy.blackhole();
    const forgotten = await write(old.locks);
    await restart(sites.at(2));
    await sites.at(1).server.kill();
    const urls = sites.all.map(({ server }) => server.url);
    await using late = await openQuorum(urls, { maxTtl: TTL }, undefined, { clock: clockAt(-HOUR) });
    const locks = createLocks({ backend: late.backend });
    const read = await locks.readWrite("four").read.using({ wait: 20_000 }, fenceOf);
    const written = await write(locks);
    for (const [index, fence] of forgotten.entries()) expect(written[index]).toBeGreaterThan(fence);
    expect(read).toBeGreaterThanOrEqual(forgotten[2] ?? Number.NaN);
  });
});

const fenceOf = ({ fencingToken }: Lease) => fencingToken;

/** The clock of a client that is wrong by so many milliseconds. */
function clockAt(offset: number): Clock {
  const now = () => {
    const { mono, wall } = systemClock.now();
    return { mono, wall: wall + offset };
  };
  return { ...systemClock, now };
}

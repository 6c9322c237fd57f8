import { askForLines, askServer, type RedisServer, startRedis } from "@lock/redis-harness";
import { describe, expect, it } from "vitest";
import type { RedisDriver } from "../../src/backends/redis/driver.ts";
import { RedisBackend } from "../../src/backends/redis/redis-backend.ts";
import type { AcquireRequest } from "../../src/contract/backend.ts";
import { type Clock, systemClock } from "../../src/contract/clock.ts";
import { createLocks, type Lease, LockBackendError, type LocksWithoutPermits } from "../../src/index.ts";
import { type QuorumNode, voterOf } from "../../src/quorum.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, type TestClient } from "../support/clients.ts";
import { openQuorum } from "../support/quorum.ts";
import { found, openSites, type Site } from "../support/quorum-sites.ts";

/** Also the longest: for so long a node that may have lost data does not vote. */
const TTL = 1_500;
const HOUR = 3_600_000;
const ALL_GRANT = ["granted", "granted", "granted"];

async function restart({ server }: Site): Promise<void> {
  await server.kill();
  await server.restart();
}

/** What a server without an append-only file starts with from now on. */
const saveSnapshot = ({ server }: Site) => askServer(server.port, "SAVE");

/** How the nodes vote for a key that nobody else wants. */
async function votesFor(key: string, locks: LocksWithoutPermits): Promise<readonly string[]> {
  const told = new Promise<readonly string[]>((resolve) => {
    const stop = locks.on("voted", ({ votes }) => {
      stop();
      resolve(votes.map(({ vote }) => vote));
    });
  });
  await locks.using(key, { ttl: TTL, wait: 20_000 }, () => undefined);
  return told;
}

async function untilAllGrant(locks: LocksWithoutPermits): Promise<void> {
  const allVote = async () => {
    const votes = await votesFor("anything", locks);
    return votes.every((vote) => vote === "granted") ? true : undefined;
  };
  await eventually("all nodes vote", allVote, 30_000);
}

describe.concurrent("a node that keeps every write", () => {
  it("votes when it has restarted", async () => {
    await using sites = await openSites(3, { persist: true });
    const { locks } = await found(sites);
    await restart(sites.at(2));
    await untilAllGrant(locks);
  });

  it("does not vote where nobody says that it does", async () => {
    await using sites = await openSites(3, { persist: true });
    const { locks } = await found(sites, { maxTtl: TTL, durable: false });
    await restart(sites.at(2));
    expect(await votesFor("not durable", locks)).toEqual(["granted", "granted", "abstained"]);
    await untilAllGrant(locks);
  });
});

describe.concurrent("nodes that keep snapshots", () => {
  it("do not vote before the leases of then have ended, when all have restarted", async () => {
    await using sites = await openSites(3);
    const old = await found(sites, { maxTtl: TTL });
    await Promise.all(sites.all.map(saveSnapshot));
    const lease = await old.locks.acquire("all at once", { ttl: TTL, renew: false });
    await Promise.all(sites.all.map(restart));
    const fresh = await sites.open({ maxTtl: TTL });
    const next = await fresh.locks.acquire("all at once", { wait: 20_000 });
    expect(lease.validFor).toBe(0);
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    await next.release();
  });

  it("vote when they restarted long ago, although nobody asked since", async () => {
    await using sites = await openSites(3);
    await found(sites);
    const { locks } = await sites.open({ maxTtl: 500 });
    await locks.using("long ago", { ttl: 500, wait: 20_000 }, () => undefined);
    await Promise.all(sites.all.map(saveSnapshot));
    await Promise.all(sites.all.map(restart));
    await Promise.all(sites.all.map(({ server }) => untilUp(server, 3)));
    const fresh = await sites.open({ maxTtl: 500 });
    expect(await fresh.locks.tryAcquire("long ago", { ttl: 500 })).not.toBeNull();
  });

  it("that restart again before they vote are noticed at once", async () => {
    await using sites = await openSites(3);
    const { locks } = await found(sites, { maxTtl: TTL });
    await untilAllGrant(locks);
    const { locks: patient } = await sites.open({ maxTtl: 60_000 });
    const last = sites.at(2);
    const mark = () => askServer(last.server.port, "GET", "lock:quorum");
    await saveSnapshot(last);
    for (let times = 0; times < 2; times++) {
      const before = await mark();
      await restart(last);
      await eventually("it is a member anew", async () => {
        await votesFor("again", patient);
        return (await mark()) === before ? undefined : true;
      });
    }
  });

  it("vote on when they have forgotten nothing but their scripts", async () => {
    await using sites = await openSites(3);
    const { locks } = await found(sites, { maxTtl: TTL });
    await untilAllGrant(locks);
    for (const { server } of sites.all) await askServer(server.port, "SCRIPT", "FLUSH");
    expect(await votesFor("scripts", locks)).toEqual(ALL_GRANT);
  });

  it("are found out for each prefix and each database", async () => {
    await using sites = await openSites(3);
    const tenants = ["", "/5"].flatMap((database) => ["one", "two"].map((prefix) => ({ database, prefix })));
    const opened = await Promise.all(
      tenants.map(async ({ database, prefix }) => {
        const { backend } = await sites.open({ maxTtl: TTL, database });
        return createLocks({ backend, prefix });
      }),
    );
    await Promise.all(opened.map(untilAllGrant));
    await saveSnapshot(sites.at(2));
    await restart(sites.at(2));
    for (const locks of opened) {
      expect(await votesFor("first after it", locks)).toEqual(["granted", "granted", "abstained"]);
    }
  });

  it("grant no fencing token below one that they have forgotten", async () => {
    await using sites = await openSites(3);
    const old = await found(sites, { maxTtl: TTL, proxied: [0], nodeTimeout: 1_000 });
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
    const options = { maxTtl: TTL, nodeTimeout: 1_000 };
    await using late = await openQuorum(urls, options, undefined, { clock: clockAt(-HOUR) });
    const locks = createLocks({ backend: late.backend });
    const read = await locks.readWrite("four").read.using({ wait: 20_000 }, fenceOf);
    const written = await write(locks);
    for (const [index, fence] of forgotten.entries()) expect(written[index]).toBeGreaterThan(fence);
    expect(read).toBeGreaterThanOrEqual(forgotten[2] ?? Number.NaN);
  });
});

/** A server of its own, and clients of it. */
class Scene implements AsyncDisposable {
  readonly #clients: TestClient[] = [];

  private constructor(readonly server: RedisServer) {}

  static async start(): Promise<Scene> {
    return new Scene(await startRedis());
  }

  ask(...words: string[]): Promise<string> {
    return askServer(this.server.port, ...words);
  }

  async connect(): Promise<TestClient> {
    const client = await ioredis6.connect(this.server.url);
    this.#clients.push(client);
    return client;
  }

  /** A node that has granted what it has forgotten by its restart. */
  async forgetful(prefix: string, args: readonly string[] = []) {
    const client = await this.connect();
    const node = client.backend();
    await becomeMember(node, prefix);
    await this.ask("SAVE");
    const vote = () => voterOf(node).vote(requestOf(prefix), Date.now() * 1_000);
    expect(await vote()).toMatchObject({ status: "granted" });
    await this.server.kill();
    await this.server.restart({ args });
    return { node, vote };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.server.stop();
  }
}

describe.concurrent("a node", () => {
  it.each([
    ["too few replicas", ["--min-replicas-to-write", "1"], ["CONFIG", "SET", "min-replicas-to-write", "0"]],
    ["no memory", ["--maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]],
    ["a master to follow", ["--replicaof", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
  ])(
    "does not vote later, although it could write nothing when it restarted: %s",
    async (name, args, mend) => {
      await using scene = await Scene.start();
      const { vote } = await scene.forgetful(name.replaceAll(" ", "-"), args);
      await expect(vote()).rejects.toBeInstanceOf(LockBackendError);
      await scene.ask(...mend);
      expect(await vote()).toMatchObject({ status: "abstained", isMember: false });
    },
  );

  it("does not vote when it restarts while it is told how", async () => {
    await using scene = await Scene.start();
    const { server } = scene;
    const client = await scene.connect();
    const late: RedisDriver = {
      ...client.driver,
      eval: async (source, keys, args) => {
        const isVote = args.at(-1) === "guarded";
        if (isVote) await server.kill();
        if (isVote) await server.restart();
        return client.driver.eval(source, keys, args);
      },
    };
    const [soon, other] = [client.backend(), new RedisBackend(late)];
    for (const node of [soon, other]) await becomeMember(node, "late");
    await scene.ask("SAVE");
    expect(await voterOf(soon).vote(requestOf("late"), Date.now() * 1_000)).toMatchObject({
      status: "granted",
    });
    await scene.ask("SCRIPT", "FLUSH");
    expect(await voterOf(other).vote(requestOf("late"), Date.now() * 1_000)).toMatchObject({
      status: "abstained",
    });
  });

  it("is not made a founder when it has restarted", async () => {
    await using scene = await Scene.start();
    const { node, vote } = await scene.forgetful("founder");
    expect(await voterOf(node).enroll("founder", { votesIn: 0, durable: false })).toEqual({
      status: "restarted",
    });
    expect(await vote()).toMatchObject({ status: "abstained" });
  });

  it("is not founded by one who heard long ago that it can be", async () => {
    await using scene = await Scene.start();
    const client = await scene.connect();
    const [hasty, slow] = [client.backend(), client.backend({ requestTimeout: 300 })];
    const found = { votesIn: 0, durable: false };
    for (const node of [hasty, slow]) {
      expect(await voterOf(node).enroll("slow", { ...found, votesIn: undefined })).toEqual({
        status: "stranger",
      });
    }
    const before = Number((await askForLines(scene.server.port, "TIME"))[0]);
    await eventually("its time is over", async () => {
      const [now] = await askForLines(scene.server.port, "TIME");
      return Number(now) - before >= 2 || undefined;
    });
    expect(await voterOf(slow).enroll("slow", found)).toEqual({ status: "stranger" });
    // It has heard of it anew.
    expect(await voterOf(slow).enroll("slow", found)).toMatchObject({ status: "member", votesIn: 0 });
    await scene.ask("DEL", "slow:quorum");
    await scene.server.kill();
    await scene.server.restart({ empty: true });
    expect(await voterOf(hasty).enroll("slow", found)).toEqual({ status: "stranger" });
  });

  it("votes as soon as others when its clock was ahead as it became a member", async () => {
    await using scene = await Scene.start();
    const client = await scene.connect();
    const node = client.backend();
    const enroll = (votesIn: number | undefined) =>
      voterOf(node).enroll("ahead", { votesIn, durable: false });
    expect(await enroll(HOUR)).toMatchObject({ status: "member", votesIn: HOUR });
    expect(await enroll(undefined)).toMatchObject({ votesIn: expect.toSatisfy(isUnder(HOUR + 1)) });
    expect(await enroll(1)).toMatchObject({ votesIn: 1 });
  });

  it.each([
    ["was noted to have restarted, in a run that goes on", (mark: string) => `${mark} restarted`, 60_000],
    ["has a mark that cannot be read", () => "a1b2c3 1795327215761286", expect.toSatisfy(isUnder(58_001))],
  ])("becomes a member anew when it %s", async (when, change, votesIn) => {
    await using scene = await Scene.start();
    const prefix = when.replaceAll(/\W/g, "-");
    const { node, vote } = await scene.forgetful(prefix);
    const enroll = (votesIn: number | undefined) => voterOf(node).enroll(prefix, { votesIn, durable: false });
    await enroll(1);
    await untilUp(scene.server, 3);
    const [, mark = ""] = (await scene.ask("GET", `${prefix}:quorum`)).split("\r\n");
    await scene.ask("SET", `${prefix}:quorum`, change(mark));
    expect(await vote()).toMatchObject({ status: "abstained", isMember: false });
    expect(await enroll(undefined)).toEqual({ status: "restarted" });
    expect(await enroll(60_000)).toMatchObject({ status: "member", votesIn });
    expect(await vote()).toMatchObject({ status: "abstained", isMember: true });
  });
});

const isUnder = (limit: number) => (given: number) => given > 0 && given < limit;

function untilUp({ port }: RedisServer, seconds: number): Promise<unknown> {
  return eventually(`${port} is up for ${seconds} s`, async () => {
    const uptime = Number(/uptime_in_seconds:(\d+)/.exec(await askServer(port, "INFO", "server"))?.[1]);
    return uptime >= seconds || undefined;
  });
}

async function becomeMember(node: QuorumNode, prefix: string): Promise<void> {
  await voterOf(node).enroll(prefix, { votesIn: undefined, durable: false });
  await voterOf(node).enroll(prefix, { votesIn: 0, durable: false });
}

let requests = 0;

function requestOf(prefix: string): AcquireRequest {
  requests += 1;
  const [keys, token, mode] = [["key"] as const, `token-${requests}`, { kind: "exclusive" } as const];
  return { prefix, keys, token, mode, ttl: 60_000, queue: false, holder: "test", meta: undefined };
}

const fenceOf = ({ fencingToken }: Lease) => fencingToken;

/** The clock of a client that is wrong by so many milliseconds. */
function clockAt(offset: number): Clock {
  const now = () => {
    const { mono, wall } = systemClock.now();
    return { mono, wall: wall + offset };
  };
  return { ...systemClock, now };
}

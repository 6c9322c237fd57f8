import { type Balancer, type RedisServer, startBalancer, startRedis } from "@lock/redis-harness";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLocks, type Lease, type Locks } from "../../../src/index.ts";
import { eventually } from "../../../src/testing/test-api.ts";
import type { Library, TestClient } from "../../support/clients.ts";
import { serveAllSlots } from "../../support/cluster-of-one.ts";

/** The first connection of a client carries its commands; what comes after it hears messages. */
const COMMANDS = 0;
/** Far below what a waiter loses that is not told, which is up to half a second. */
const FAST = 200;

/** A process whose connections pass through a balancer of its own. */
interface Site {
  readonly balancer: Balancer;
  readonly client: TestClient;
  readonly locks: Locks;
}

/**
 * What must hold for the connection that hears messages, with a client library, when processes contend for so many holds.
 * Each library has a file of its own: they run at once.
 */
export function subscriberSuite(library: Library, holds: number): void {
  describe(`the connection that hears messages, with ${library.name}`, () => tests(library, holds));
}

function tests({ name, connect }: Library, holds: number): void {
  let master: RedisServer;
  let other: RedisServer;
  let sites: Site[];
  const warnings: string[] = [];
  const hear = ({ message }: Error) => warnings.push(message);

  beforeEach(async () => {
    [master, other] = await Promise.all([startRedis(), startRedis()]);
    sites = [];
    warnings.length = 0;
    process.on("warning", hear);
  });
  afterEach(async () => {
    process.off("warning", hear);
    for (const { locks, client, balancer } of sites) {
      await locks.close();
      client.close();
      await balancer[Symbol.asyncDispose]();
    }
    await Promise.all([master.stop(), other.stop()]);
  });

  async function ask(server: RedisServer, ...words: string[]): Promise<unknown> {
    const client = await connect(server.url);
    const answer = await client.command(...words);
    client.close();
    return answer;
  }

  async function follow(server: RedisServer, leader: RedisServer): Promise<void> {
    await ask(leader, "CONFIG", "SET", "repl-diskless-sync-delay", "0");
    await ask(server, "REPLICAOF", leader.host, String(leader.port));
    await eventually("a replica in step", async () =>
      /master_link_status:up/.test(String(await ask(server, "INFO", "replication"))) ? true : undefined,
    );
  }

  async function open(route: (connection: number) => RedisServer): Promise<Site> {
    const balancer = await startBalancer(master);
    balancer.route(route);
    const client = await connect(balancer.url);
    const site = { balancer, client, locks: createLocks({ backend: client.backend() }) };
    sites.push(site);
    return site;
  }

  /** All contend for a key; how often one entered while another still believed. */
  async function contend(holds: number): Promise<{ readonly overlaps: number; readonly fences: number }> {
    const inside = new Set<Lease>();
    const fences = new Set<number>();
    let overlaps = 0;
    let left = holds;
    const work = async ({ locks }: Site) => {
      while (left-- > 0) {
        await locks.using("contended", { wait: "forever", ttl: 5_000 }, async (lease) => {
          if ([...inside].some((another) => another.validFor > 0)) overlaps += 1;
          inside.add(lease);
          fences.add(lease.fencingToken);
          await new Promise((resume) => setTimeout(resume, 2));
          inside.delete(lease);
        });
      }
    };
    await Promise.all([...sites, ...sites].map(work));
    return { overlaps, fences: fences.size };
  }

  /** Milliseconds from a release to the grant of one that waited in another process. */
  async function handOver(turn: number): Promise<number> {
    const [from, to] = turn % 2 === 0 ? sites : sites.toReversed();
    if (from === undefined || to === undefined) throw new Error("two sites are needed");
    const lease = await from.locks.acquire("handed");
    const waiting = to.locks.acquire("handed", { wait: "forever" });
    await eventually("a waiter", async () =>
      (await from.locks.inspect("handed"))?.waiting === 1 ? true : undefined,
    );
    const start = performance.now();
    await lease.release();
    const next = await waiting;
    const took = performance.now() - start;
    await next.release();
    return took;
  }

  /** Hand-overs become fast, and stay so for a while. */
  async function isFast(change = "the beginning"): Promise<void> {
    const changed = performance.now();
    let fastSince = changed;
    for (let turn = 0, fast = 0; fast < 6; turn++) {
      expect(performance.now() - changed).toBeLessThan(30_000);
      if (fast === 0) fastSince = performance.now();
      fast = (await handOver(turn)) < FAST ? fast + 1 : 0;
    }
    console.log(`${name}: fast again ${Math.round(fastSince - changed)} ms after ${change}`);
  }
  const isSafe = async () => {
    const { overlaps, fences } = await contend(holds);
    expect(overlaps).toBe(0);
    expect(fences).toBe(holds);
  };

  it("may be on a replica", async () => {
    await follow(other, master);
    for (let site = 0; site < 3; site++) await open((number) => (number === COMMANDS ? master : other));
    await isSafe();
    await isFast();
    expect(warnings).toEqual([]);
  });

  it("moves on from a node that does not hear what is published, behind a balancer", async () => {
    for (let site = 0; site < 3; site++) {
      await open((number) => (number === COMMANDS || number % 3 === 0 ? master : other));
    }
    await isFast();
    await isSafe();
    expect(warnings).toEqual([]);
  });

  it("is warned of, once each, where no connection reaches the commands' node", async () => {
    for (let site = 0; site < 2; site++) await open((number) => (number === COMMANDS ? master : other));
    // Keeps somebody waiting, who has it look for another connection.
    const [holder, waiter] = sites;
    const lease = await holder?.locks.acquire("kept");
    const waiting = waiter?.locks.acquire("kept", { wait: "forever" });
    await eventually("a warning", () => (warnings.length > 0 ? true : undefined), 30_000);
    await lease?.release();
    await (await waiting)?.release();
    expect((await contend(holds / 10)).overlaps).toBe(0);
    expect(warnings.length).toBeLessThanOrEqual(sites.length);
    for (const text of warnings) expect(text).toMatch(/cannot hear messages, by 20 connections/);
  });

  it("follows a switch-over, also when the node that it is on is left alone later", async () => {
    await follow(other, master);
    let leader = master;
    for (let site = 0; site < 3; site++) await open(() => leader);
    await isSafe();
    leader = other;
    await ask(other, "REPLICAOF", "NO", "ONE");
    await follow(master, other);
    // Commands follow; the connection that hears has no reason to.
    for (const { balancer } of sites) balancer.cut(Math.min(...balancer.open()));
    await isFast("a switch-over");
    await isSafe();
    await ask(master, "REPLICAOF", "NO", "ONE");
    await isFast("its node was left alone");
    await isSafe();
    expect(warnings).toEqual([]);
  });

  it("moves on from a node that was removed from a cluster", async () => {
    const args = ["--cluster-enabled", "yes"];
    await using node = await startRedis({ args });
    await using removed = await startRedis({ args });
    await serveAllSlots(node);
    await ask(node, "CLUSTER", "MEET", removed.host, String(removed.port));
    await eventually("a cluster of two", async () => {
      const info = String(await ask(removed, "CLUSTER", "INFO"));
      return /cluster_state:ok/.test(info) && /cluster_known_nodes:2/.test(info) ? true : undefined;
    });
    for (const _ of [1, 2]) await open((connection) => (connection === COMMANDS ? node : removed));
    expect(await contend(holds)).toEqual({ overlaps: 0, fences: holds });
    await isFast();
    const id = String(await ask(removed, "CLUSTER", "MYID"));
    for (const { balancer } of sites) balancer.route(() => node);
    await ask(node, "CLUSTER", "FORGET", id);
    await ask(removed, "CLUSTER", "RESET", "HARD");
    await isFast("its node was removed");
    expect(await contend(holds)).toEqual({ overlaps: 0, fences: holds });
    expect(warnings).toEqual([]);
  });

  it("is replaced when it is half open", async () => {
    for (let site = 0; site < 3; site++) await open(() => master);
    await isSafe();
    for (const { balancer } of sites) balancer.freeze(Math.max(...balancer.open()));
    await isFast("it froze");
    await isSafe();
    expect(warnings).toEqual([]);
  });
}

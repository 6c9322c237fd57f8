import {
  type Balancer,
  type RedisOptions,
  type RedisServer,
  startBalancer,
  startRedis,
} from "@lock/redis-harness";
import { describe, expect, it } from "vitest";
import { createLocks, type Lease, type Locks } from "../../../src/index.ts";
import { eventually } from "../../../src/testing/test-api.ts";
import type { Library, TestClient } from "../../support/clients.ts";
import { serveAllSlots } from "../../support/cluster-of-one.ts";
import { withOwnWarnings } from "../../support/own-warnings.ts";

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
 * What must hold for the connection that hears messages, with each client library, when processes contend for so many
 * holds. Tests that wait most of their time run all at once, and then the others of each library one after the other: they
 * measure how fast hand-overs are.
 */
export function subscriberSuite(libraries: readonly Library[], holds: number): void {
  for (const [tests, options] of [
    [slow, {}],
    [others, { sequential: true }],
  ] as const) {
    describe.concurrent.each(libraries)("the connection that hears messages, with $name", (library) => {
      tests((title, test) => {
        it(title, options, () =>
          withOwnWarnings(async (warnings) => {
            await using scene = await Scene.open(library, holds, warnings);
            await test(scene);
          }),
        );
      });
    });
  }
}

type Define = (title: string, test: (scene: Scene) => Promise<void>) => void;

function slow(define: Define): void {
  define("is warned of, once each, where no connection reaches the commands' node", async (scene) => {
    const { sites, warnings, master, other } = scene;
    for (let site = 0; site < 2; site++) {
      await scene.open((number) => (number === COMMANDS ? master : other));
    }
    // Keeps somebody waiting, who has it look for another connection.
    const [holder, waiter] = sites;
    const lease = await holder?.locks.acquire("kept");
    const waiting = waiter?.locks.acquire("kept", { wait: "forever" });
    await eventually("a warning", () => (warnings.length > 0 ? true : undefined), 30_000);
    await lease?.release();
    await (await waiting)?.release();
    expect((await scene.contend(scene.holds / 10)).overlaps).toBe(0);
    expect(warnings.length).toBeLessThanOrEqual(sites.length);
    for (const text of warnings) expect(text).toMatch(/cannot hear messages, by 20 connections/);
  });

  define("moves on from a node that was removed from a cluster", async (scene) => {
    const args = ["--cluster-enabled", "yes"];
    const [node, removed] = [await scene.start({ args }), await scene.start({ args })];
    await serveAllSlots(node);
    await scene.ask(node, "CLUSTER", "MEET", removed.host, String(removed.port));
    await eventually("a cluster of two", async () => {
      const info = String(await scene.ask(removed, "CLUSTER", "INFO"));
      return /cluster_state:ok/.test(info) && /cluster_known_nodes:2/.test(info) ? true : undefined;
    });
    for (const _ of [1, 2]) await scene.open((connection) => (connection === COMMANDS ? node : removed));
    await scene.isSafe();
    await scene.isFast();
    const id = String(await scene.ask(removed, "CLUSTER", "MYID"));
    for (const { balancer } of scene.sites) balancer.route(() => node);
    await scene.ask(node, "CLUSTER", "FORGET", id);
    await scene.ask(removed, "CLUSTER", "RESET", "HARD");
    await scene.isFast("its node was removed");
    await scene.isSafe();
    expect(scene.warnings).toEqual([]);
  });
}

function others(define: Define): void {
  define("may be on a replica", async (scene) => {
    const { master, other } = scene;
    await scene.follow(other, master);
    for (let site = 0; site < 3; site++) {
      await scene.open((number) => (number === COMMANDS ? master : other));
    }
    await scene.isSafe();
    await scene.isFast();
    expect(scene.warnings).toEqual([]);
  });

  define("moves on from a node that does not hear what is published, behind a balancer", async (scene) => {
    const { master, other } = scene;
    for (let site = 0; site < 3; site++) {
      await scene.open((number) => (number === COMMANDS || number % 3 === 0 ? master : other));
    }
    await scene.isFast();
    await scene.isSafe();
    expect(scene.warnings).toEqual([]);
  });

  define("follows a switch-over, also when the node that it is on is left alone later", async (scene) => {
    const { master, other, sites } = scene;
    await scene.follow(other, master);
    let leader = master;
    for (let site = 0; site < 3; site++) await scene.open(() => leader);
    await scene.isSafe();
    leader = other;
    await scene.ask(other, "REPLICAOF", "NO", "ONE");
    await scene.follow(master, other);
    // Commands follow; the connection that hears has no reason to.
    for (const { balancer } of sites) balancer.cut(Math.min(...balancer.open()));
    await scene.isFast("a switch-over");
    await scene.isSafe();
    await scene.ask(master, "REPLICAOF", "NO", "ONE");
    await scene.isFast("its node was left alone");
    await scene.isSafe();
    expect(scene.warnings).toEqual([]);
  });

  define("is replaced when it is half open", async (scene) => {
    const { sites, master } = scene;
    for (let site = 0; site < 3; site++) await scene.open(() => master);
    await scene.isSafe();
    for (const { balancer } of sites) balancer.freeze(Math.max(...balancer.open()));
    await scene.isFast("it froze");
    await scene.isSafe();
    expect(scene.warnings).toEqual([]);
  });
}

/** Two servers of one test, and processes that contend. */
class Scene implements AsyncDisposable {
  readonly sites: Site[] = [];
  readonly #others: RedisServer[] = [];

  private constructor(
    private readonly library: Library,
    readonly holds: number,
    readonly warnings: readonly string[],
    readonly master: RedisServer,
    readonly other: RedisServer,
  ) {}

  static async open(library: Library, holds: number, warnings: readonly string[]): Promise<Scene> {
    const [master, other] = await Promise.all([startRedis(), startRedis()]);
    return new Scene(library, holds, warnings, master, other);
  }

  /** One server more, as long as the sites. */
  async start(options: RedisOptions): Promise<RedisServer> {
    const server = await startRedis(options);
    this.#others.push(server);
    return server;
  }

  async ask(server: RedisServer, ...words: string[]): Promise<unknown> {
    const client = await this.library.connect(server.url);
    const answer = await client.command(...words);
    client.close();
    return answer;
  }

  async follow(server: RedisServer, leader: RedisServer): Promise<void> {
    await this.ask(leader, "CONFIG", "SET", "repl-diskless-sync-delay", "0");
    await this.ask(server, "REPLICAOF", leader.host, String(leader.port));
    await eventually("a replica in step", async () =>
      /master_link_status:up/.test(String(await this.ask(server, "INFO", "replication"))) ? true : undefined,
    );
  }

  async open(route: (connection: number) => RedisServer): Promise<void> {
    const balancer = await startBalancer(this.master);
    balancer.route(route);
    const client = await this.library.connect(balancer.url);
    this.sites.push({ balancer, client, locks: createLocks({ backend: client.backend() }) });
  }

  /** All contend for a key; how often one entered while another still believed. */
  async contend(holds: number): Promise<{ readonly overlaps: number; readonly fences: number }> {
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
    await Promise.all([...this.sites, ...this.sites].map(work));
    return { overlaps, fences: fences.size };
  }

  async isSafe(): Promise<void> {
    expect(await this.contend(this.holds)).toEqual({ overlaps: 0, fences: this.holds });
  }

  /** Milliseconds from a release to the grant of one that waited in another process. */
  async #handOver(turn: number): Promise<number> {
    const [from, to] = turn % 2 === 0 ? this.sites : this.sites.toReversed();
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
  async isFast(change = "the beginning"): Promise<void> {
    const changed = performance.now();
    let fastSince = changed;
    for (let turn = 0, fast = 0; fast < 6; turn++) {
      expect(performance.now() - changed).toBeLessThan(30_000);
      if (fast === 0) fastSince = performance.now();
      fast = (await this.#handOver(turn)) < FAST ? fast + 1 : 0;
    }
    console.log(`${this.library.name}: fast again ${Math.round(fastSince - changed)} ms after ${change}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.sites.map(async ({ locks, client, balancer }) => {
        await locks.close();
        client.close();
        await balancer[Symbol.asyncDispose]();
      }),
    );
    await Promise.all([this.master, this.other, ...this.#others].map((server) => server.stop()));
  }
}

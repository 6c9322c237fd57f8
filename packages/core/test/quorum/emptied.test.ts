import { askServer, type Balancer, type RedisServer, startBalancer, startRedis } from "@lock/redis-harness";
import { describe, expect, it } from "vitest";
import { createLocks, type LocksWithoutPermits } from "../../src/index.ts";
import { openQuorum } from "../support/quorum.ts";

const pause = (ms: number) => new Promise((resume) => setTimeout(resume, ms));
/** Also the longest: for so long one that has lost its data does not vote. */
const MAX = 4_000;
/** Were a node to vote so much sooner for the time that it has run, it would do so before a lease of `MAX` is over. */
const LONG_AGO = 3_000;

/** The name of a node leads to another server from now on. */
function leadTo(name: Balancer | undefined, server: RedisServer): void {
  name?.route(() => server);
  for (const connection of name?.open() ?? []) name?.cut(connection);
}

/** Three servers, each behind the name of a node. */
class Scene implements AsyncDisposable {
  readonly #closing: (() => Promise<void>)[] = [];

  private constructor(
    readonly servers: RedisServer[],
    readonly names: readonly Balancer[],
  ) {}

  static async start(persist: boolean): Promise<Scene> {
    const servers = await Promise.all([0, 1, 2].map(() => startRedis({ persist })));
    return new Scene(servers, await Promise.all(servers.map(startBalancer)));
  }

  async open(durable = false): Promise<LocksWithoutPermits> {
    const urls = this.names.map(({ url }) => url);
    const terms = { maxTtl: MAX, nodeTimeout: 600, durable };
    const process = await openQuorum(urls, terms, undefined, { requestTimeout: 1_000 });
    const locks = createLocks({ backend: process.backend });
    this.#closing.push(async () => {
      await locks.close();
      await process[Symbol.asyncDispose]();
    });
    return locks;
  }

  empty(): Promise<unknown> {
    return askServer(this.servers[0]?.port ?? 0, "FLUSHALL");
  }

  /** `holder` is granted a lease by nodes 1 and 2 only, then `lose` is called. For how long it is believed when another gets it. */
  async believedWhenTaken(
    holder: LocksWithoutPermits,
    other: LocksWithoutPermits,
    lose: () => unknown,
  ): Promise<number> {
    this.servers[2]?.pause();
    const lease = await holder.acquire("key", { ttl: MAX, renew: false, wait: 3_000 });
    await lose();
    // What was asked of node 3 comes too late.
    await pause(1_200);
    this.servers[2]?.resume();
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

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#closing.splice(0).map((close) => close()));
    await Promise.all(this.names.map((name) => name[Symbol.asyncDispose]()));
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}

const use = (locks: LocksWithoutPermits, key: string) =>
  locks.using(key, { ttl: 1_000, wait: 5_000 }, async () => undefined);

describe.concurrent("a node of three that has lost its data, and with it a lease that stands on it and one more", () => {
  it("replaced by a server that was started before the old one was left", async () => {
    await using scene = await Scene.start(false);
    const [holder, other] = [await scene.open(), await scene.open()];
    await use(holder, "founding");
    await use(other, "founding");
    const fresh = await startRedis();
    scene.servers.push(fresh);
    await pause(LONG_AGO);
    const replace = () => leadTo(scene.names[0], fresh);
    expect(await scene.believedWhenTaken(holder, other, replace)).toBe(0);
  });

  it("durable, restarted, and emptied soon after that", async () => {
    await using scene = await Scene.start(true);
    const [holder, other] = [await scene.open(true), await scene.open(true)];
    await use(holder, "founding");
    await use(other, "founding");
    await scene.servers[0]?.kill();
    await scene.servers[0]?.restart();
    await use(holder, "noticed").catch(() => undefined);
    await use(holder, "noticed");
    await use(other, "unnoticed");
    await pause(LONG_AGO);
    expect(await scene.believedWhenTaken(holder, other, () => scene.empty())).toBe(0);
  });

  it("of a quorum that was founded anew, as documented, after all had been down", async () => {
    await using scene = await Scene.start(false);
    const { servers } = scene;
    const other = await scene.open();
    await use(other, "founding");
    await Promise.all(servers.map((server) => server.kill()));
    await pause(MAX + 1_500);
    await Promise.all(servers.map((server) => server.restart({ empty: true })));
    const holder = await scene.open();
    await use(holder, "founding");
    await pause(LONG_AGO);
    expect(await scene.believedWhenTaken(holder, other, () => scene.empty())).toBe(0);
  });
});

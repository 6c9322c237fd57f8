import { readFile } from "node:fs/promises";
import { type RedisServer, startRedis } from "@lock/redis-harness";
import { Room } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import type { RedisBackendOptions } from "../../../src/backends/redis/redis-backend.ts";
import {
  createLocks,
  type Lockable,
  LockBackendError,
  LockLostError,
  type Locks,
} from "../../../src/index.ts";
import { eventually } from "../../../src/testing/test-api.ts";
import type { Library, TestClient } from "../../support/clients.ts";

/** Resolves with the error that it must reject with. */
async function rejection(work: Promise<unknown>): Promise<LockBackendError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof LockBackendError)) throw new Error(`no LockBackendError: ${error}`);
  return error;
}

const GUARANTEES = new URL("../../../../../docs/guarantees.md", import.meta.url);

/** Every mode and method at least once, with somebody who waits. */
async function useEverything(a: Locks, b: Locks): Promise<void> {
  const ways: ((locks: Locks) => Lockable)[] = [
    (locks) => locks.readWrite("allowed").write,
    (locks) => locks.semaphore("allowed", { permits: 1 }),
    (locks) => locks.pool("allowed", { size: 1 }),
    (locks) => locks.readWrite(["allowed", "too"]).write,
  ];
  for (const way of ways) {
    const reader = await a.readWrite("allowed").read.acquire();
    const waiting = way(b).acquire();
    await eventually("a waiter", async () =>
      (await a.inspect("allowed"))?.waiting === 1 ? true : undefined,
    );
    await reader.extend();
    await reader.release();
    const adopted = await a.adopt((await waiting).toTicket());
    for await (const { holding } of b.list()) expect(holding).toBe(1);
    await adopted.extend();
    await adopted.release();
  }
  await a.using("allowed", { minHold: 10_000 }, () => undefined);
  expect(await b.forceRelease("allowed")).toBe(true);
  await expect(b.acquire("allowed", { signal: new AbortController().signal })).resolves.toBeDefined();
  await expect(a.acquire("allowed", { wait: 500 })).rejects.toThrow(/busy/);
}

/** What must hold with each client library. Tests run beside each other, each with a server of its own. */
export function serverFaultsSuite(libraries: readonly Library[]): void {
  describe.concurrent.each(libraries)("$name, when the server misbehaves", (library) => {
    const open = (options?: RedisBackendOptions) => Scene.open(library, options);
    restarts(open);
    lostKeys(open);
    others(open);
    refusals(open);
    rights(open);
  });
}

type Open = (options?: RedisBackendOptions) => Promise<Scene>;

/** Servers of tests that run beside each other. */
const room = new Room(4, 30_000);

/** A server of its own, and locks on it. */
class Scene implements AsyncDisposable {
  private constructor(
    readonly connect: Library["connect"],
    readonly server: RedisServer,
    readonly client: TestClient,
    readonly locks: Locks,
  ) {}

  static async open({ connect }: Library, options: RedisBackendOptions = {}): Promise<Scene> {
    await room.enter(1);
    const server = await startRedis();
    const client = await connect(server.url);
    return new Scene(connect, server, client, createLocks({ backend: client.backend(options) }));
  }

  waiters(key: string, count: number): Promise<unknown> {
    return eventually("waiters", async () =>
      (await this.locks.inspect(key))?.waiting === count ? true : undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.locks.close();
    this.client.close();
    await this.server.stop();
    room.leave(1);
  }
}

function restarts(open: Open): void {
  it("leaves no orphan when the server was killed and restarted around a request", async () => {
    await using scene = await open({ requestTimeout: 2_000 });
    const { server, client, locks } = scene;
    await (await locks.acquire("before")).release();
    await server.kill();
    await rejection(locks.acquire("orphan", { wait: 0 }));
    await server.restart();
    await eventually("a lock on the restarted server", () =>
      locks.tryAcquire("after").then(
        (got) => got ?? undefined,
        () => undefined,
      ),
    );
    expect(await client.command("EXISTS", "lock:{orphan}")).toBe(0);
  });

  it("survives a stopped server: valid never beyond its ttl, and usable afterwards", async () => {
    await using scene = await open({ requestTimeout: 2_000 });
    const { server, locks } = scene;
    for (const [turn, share] of [0.5, 1, 3].entries()) {
      const ttl = 1_000;
      const lease = await eventually("a lease", () =>
        locks.acquire(`stopped ${turn}`, { ttl }).catch(() => undefined),
      );
      const start = performance.now();
      const over = new Promise<number>((resolve) => {
        lease.signal.addEventListener("abort", () => resolve(performance.now() - start));
      });
      server.pause();
      await new Promise((resume) => setTimeout(resume, ttl * share));
      server.resume();
      if (share < 1) expect(await lease.release()).toBe("released");
      else expect(await over).toBeLessThan(ttl + 1_500);
    }
  });
}

function lostKeys(open: Open): void {
  it.each([
    { title: "FLUSHALL", words: () => ["FLUSHALL"], reason: "expired" },
    { title: "DEL", words: (lock: string) => ["DEL", lock], reason: "expired" },
    {
      title: "another program's value",
      words: (lock: string) => ["SET", lock, "theirs", "PX", "1000"],
      reason: "stolen",
    },
  ])("tells the holder that $title took the lock", async ({ words, reason }) => {
    await using scene = await open();
    const { client, locks } = scene;
    const lease = await locks.acquire("taken", { ttl: 1_500 });
    const lost = new Promise((resolve) => lease.signal.addEventListener("abort", resolve));
    await client.command(...words("lock:{taken}"));
    await lost;
    expect(lease.signal.reason).toBeInstanceOf(LockLostError);
    expect(lease.signal.reason.reason).toBe(reason);
    expect(await lease.release()).toBe("expired");
    const next = await locks.acquire("taken");
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    await next.release();
  });

  it("serves waiters although FLUSHALL took their queue, in their old order", async () => {
    await using scene = await open();
    const { client, locks } = scene;
    const holder = await locks.acquire("lost queue");
    const served: number[] = [];
    const waits: Promise<unknown>[] = [];
    for (const turn of [1, 2, 3]) {
      waits.push(locks.using("lost queue", { wait: "forever" }, () => served.push(turn)));
      await scene.waiters("lost queue", turn);
    }
    await client.command("FLUSHALL");
    await Promise.all(waits);
    expect(served).toEqual([1, 2, 3]);
    expect(await holder.release()).toBe("expired");
  });
}

function others(open: Open): void {
  it("finds its scripts again after SCRIPT FLUSH", async () => {
    await using scene = await open();
    const fences: number[] = [];
    for (let turn = 0; turn < 30; turn++) {
      await scene.client.command("SCRIPT", "FLUSH");
      await scene.locks.using("flushed scripts", (lease) => fences.push(lease.fencingToken));
    }
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
    expect(new Set(fences).size).toBe(30);
  });

  it("names a key of another type, and leaves it alone", async () => {
    await using scene = await open();
    const { client, locks } = scene;
    await client.command("RPUSH", "lock:{a list}", "value");
    const [error, fine] = await Promise.all([
      rejection(locks.acquire("a list")),
      locks.acquire("in the same batch"),
    ]);
    expect(error.message).toMatch(/WRONGTYPE.*another type/);
    expect(error.retryable).toBe(false);
    expect(error.key).toBe("a list");
    expect(await client.command("LLEN", "lock:{a list}")).toBe(1);
    await fine.release();
  });

  it("excludes and is excluded by a plain SET NX PX of another program", async () => {
    await using scene = await open();
    const { client, locks } = scene;
    const lock = "lock:{shared with others}";
    // For long enough to ask twice.
    await client.command("SET", lock, "theirs", "NX", "PX", "1000");
    expect(await locks.tryAcquire("shared with others")).toBeNull();
    const seen = await locks.inspect("shared with others");
    expect(seen?.holders[0]).toMatchObject({ token: "theirs", holder: undefined, fencingToken: undefined });
    const lease = await locks.acquire("shared with others");
    expect(await client.command("SET", lock, "theirs", "NX", "PX", "1000")).toBeNull();
    await lease.release();
  });
}

function refusals(open: Open): void {
  it("waits out a full memory, still releases, and hands over when there is room", async () => {
    await using scene = await open();
    const { client, locks } = scene;
    const lease = await locks.acquire("held");
    const waiting = locks.acquire("held", { wait: 20_000 });
    await scene.waiters("held", 1);
    await client.command("CONFIG", "SET", "maxmemory", "1");
    expect((await rejection(locks.acquire("other", { wait: 1_000 }))).message).toMatch(/OOM.*memory/);
    await lease.extend();
    expect(await lease.release()).toBe("released");
    await client.command("CONFIG", "SET", "maxmemory", "0");
    await (await waiting).release();
  });

  it("waits while the server is a replica, and works once it is promoted", async () => {
    await using scene = await open();
    const { client, locks } = scene;
    await client.command("REPLICAOF", "127.0.0.1", "1");
    const error = await rejection(locks.acquire("replica", { wait: 1_000 }));
    expect(error.message).toMatch(/READONLY.*replica/);
    const waiting = locks.acquire("replica", { wait: 20_000 });
    await client.command("REPLICAOF", "NO", "ONE");
    await (await waiting).release();
  });
}

function rights(open: Open): void {
  it("works under the least rights that it documents, and names what is missing otherwise", async () => {
    await using scene = await open();
    const [, setUser = ""] = /```\n(ACL SETUSER .*?)```/s.exec(await readFile(GUARANTEES, "utf8")) ?? [];
    // Redis 7.0 does not know it.
    const words = setUser.replace(">password", ">secret").replace("+client|setinfo", "").trim().split(/\s+/);
    await scene.client.command(...words, "+scan", "+wait", "+client|id");
    const own = await scene.connect(scene.server.url.replace("redis://", "redis://locker:secret@"));
    const [a, b] = [createLocks({ backend: own.backend() }), createLocks({ backend: own.backend() })];
    const lease = await a.acquire("allowed");
    const waiting = b.acquire("allowed");
    await scene.waiters("allowed", 1);
    await lease.release();
    await (await waiting).release();
    await useEverything(a, b);

    const careful = createLocks({ backend: own.backend({ minReplicas: 1 }) });
    expect((await rejection(careful.acquire("replicated", { wait: 0 }))).message).toMatch(/0 of 1 replicas/);
    await careful.close();

    const outside = createLocks({ backend: own.backend(), prefix: "elsewhere" });
    const error = await rejection(outside.acquire("forbidden"));
    expect(error.message).toMatch(/NOPERM.*~<prefix>:\* &<prefix>:\*/);
    expect(JSON.stringify([error.message, String(error.cause)])).not.toContain("secret");
    for (const each of [a, b, outside]) await each.close();
    own.close();
  });
}

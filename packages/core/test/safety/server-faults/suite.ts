import { readFile } from "node:fs/promises";
import { startRedis } from "@lock/redis-harness";
import { useRedis } from "@lock/redis-harness/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

/** What must hold with a client library. Each has a file of its own: they run at once. */
export function serverFaultsSuite(library: Library): void {
  describe(`${library.name}, when the server misbehaves`, () => tests(library));
}

function tests({ name, connect }: Library): void {
  const redis = useRedis();
  let client: TestClient;
  let locks: Locks;
  const key = (title: string) => `${name} ${title}`;

  beforeAll(async () => {
    client = await connect(redis.url);
    locks = createLocks({ backend: client.backend() });
  });

  afterAll(async () => {
    await locks.close();
    client.close();
  });

  it("leaves no orphan when the server was killed and restarted around a request", async () => {
    await using server = await startRedis();
    const own = await connect(server.url);
    const ownLocks = createLocks({ backend: own.backend({ requestTimeout: 300 }) });
    await (await ownLocks.acquire("before")).release();
    await server.kill();
    await rejection(ownLocks.acquire("orphan", { wait: 0 }));
    await server.restart();
    await eventually("a lock on the restarted server", () =>
      ownLocks.tryAcquire("after").then(
        (got) => got ?? undefined,
        () => undefined,
      ),
    );
    expect(await own.command("EXISTS", "lock:{orphan}")).toBe(0);
    await ownLocks.close();
    own.close();
  });

  it("finds its scripts again after SCRIPT FLUSH", async () => {
    const fences: number[] = [];
    for (let turn = 0; turn < 30; turn++) {
      await client.command("SCRIPT", "FLUSH");
      await locks.using(key("flushed scripts"), (lease) => fences.push(lease.fencingToken));
    }
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
    expect(new Set(fences).size).toBe(30);
  });

  it.each([
    { title: "FLUSHALL", words: () => ["FLUSHALL"], reason: "expired" },
    { title: "DEL", words: (lock: string) => ["DEL", lock], reason: "expired" },
    {
      title: "another program's value",
      words: (lock: string) => ["SET", lock, "theirs", "PX", "300"],
      reason: "stolen",
    },
  ])("tells the holder that $title took the lock", async ({ title, words, reason }) => {
    const lease = await locks.acquire(key(title), { ttl: 600 });
    const lost = new Promise((resolve) => lease.signal.addEventListener("abort", resolve));
    await client.command(...words(`lock:{${key(title)}}`));
    await lost;
    expect(lease.signal.reason).toBeInstanceOf(LockLostError);
    expect(lease.signal.reason.reason).toBe(reason);
    expect(await lease.release()).toBe("expired");
    const next = await locks.acquire(key(title));
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    await next.release();
  });

  it("serves waiters although FLUSHALL took their queue, in their old order", async () => {
    const holder = await locks.acquire(key("lost queue"));
    const served: number[] = [];
    const waits: Promise<unknown>[] = [];
    for (const turn of [1, 2, 3]) {
      waits.push(locks.using(key("lost queue"), { wait: "forever" }, () => served.push(turn)));
      await eventually("a place", async () =>
        (await locks.inspect(key("lost queue")))?.waiting === turn ? true : undefined,
      );
    }
    await client.command("FLUSHALL");
    await Promise.all(waits);
    expect(served).toEqual([1, 2, 3]);
    expect(await holder.release()).toBe("expired");
  });

  it("names a key of another type, and leaves it alone", async () => {
    await client.command("RPUSH", `lock:{${key("a list")}}`, "value");
    const [error, fine] = await Promise.all([
      rejection(locks.acquire(key("a list"))),
      locks.acquire(key("in the same batch")),
    ]);
    expect(error.message).toMatch(/WRONGTYPE.*another type/);
    expect(error.retryable).toBe(false);
    expect(error.key).toBe(key("a list"));
    expect(await client.command("LLEN", `lock:{${key("a list")}}`)).toBe(1);
    await fine.release();
  });

  it("excludes and is excluded by a plain SET NX PX of another program", async () => {
    const lock = `lock:{${key("shared with others")}}`;
    await client.command("SET", lock, "theirs", "NX", "PX", "250");
    expect(await locks.tryAcquire(key("shared with others"))).toBeNull();
    const seen = await locks.inspect(key("shared with others"));
    expect(seen?.holders[0]).toMatchObject({ token: "theirs", holder: undefined, fencingToken: undefined });
    const lease = await locks.acquire(key("shared with others"));
    expect(await client.command("SET", lock, "theirs", "NX", "PX", "250")).toBeNull();
    await lease.release();
  });

  it("waits out a full memory, still releases, and hands over when there is room", async () => {
    await using server = await startRedis();
    const own = await connect(server.url);
    const ownLocks = createLocks({ backend: own.backend() });
    const lease = await ownLocks.acquire("held");
    const waiting = ownLocks.acquire("held", { wait: 20_000 });
    await eventually("a waiter", async () =>
      (await ownLocks.inspect("held"))?.waiting === 1 ? true : undefined,
    );
    await own.command("CONFIG", "SET", "maxmemory", "1");
    expect((await rejection(ownLocks.acquire("other", { wait: 2_000 }))).message).toMatch(/OOM.*memory/);
    await lease.extend();
    expect(await lease.release()).toBe("released");
    await own.command("CONFIG", "SET", "maxmemory", "0");
    await (await waiting).release();
    await ownLocks.close();
    own.close();
  });

  it("waits while the server is a replica, and works once it is promoted", async () => {
    await using server = await startRedis();
    const own = await connect(server.url);
    const ownLocks = createLocks({ backend: own.backend() });
    await own.command("REPLICAOF", "127.0.0.1", "1");
    const error = await rejection(ownLocks.acquire("replica", { wait: 2_000 }));
    expect(error.message).toMatch(/READONLY.*replica/);
    const waiting = ownLocks.acquire("replica", { wait: 20_000 });
    await own.command("REPLICAOF", "NO", "ONE");
    await (await waiting).release();
    await ownLocks.close();
    own.close();
  });

  it("survives a stopped server: valid never beyond its ttl, and usable afterwards", async () => {
    await using server = await startRedis();
    const own = await connect(server.url);
    const ownLocks = createLocks({ backend: own.backend({ requestTimeout: 300 }) });
    for (const [turn, share] of [0.5, 1, 3].entries()) {
      const ttl = 600;
      const lease = await eventually("a lease", () =>
        ownLocks.acquire(`stopped ${turn}`, { ttl }).catch(() => undefined),
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
    await ownLocks.close();
    own.close();
  });

  it("works under the least rights that it documents, and names what is missing otherwise", async () => {
    await using server = await startRedis();
    const root = await connect(server.url);
    const [, setUser = ""] = /```\n(ACL SETUSER .*?)```/s.exec(await readFile(GUARANTEES, "utf8")) ?? [];
    // Redis 7.0 does not know it.
    const words = setUser.replace(">password", ">secret").replace("+client|setinfo", "").trim().split(/\s+/);
    await root.command(...words, "+scan", "+wait", "+client|id");
    const own = await connect(server.url.replace("redis://", "redis://locker:secret@"));
    const [a, b] = [createLocks({ backend: own.backend() }), createLocks({ backend: own.backend() })];
    const lease = await a.acquire("allowed");
    const waiting = b.acquire("allowed");
    await eventually("a waiter", async () =>
      (await a.inspect("allowed"))?.waiting === 1 ? true : undefined,
    );
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
    root.close();
  });
}

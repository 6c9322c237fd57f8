import { type FaultyProxy, type RedisServer, startFaultyProxy, startRedis } from "@lock/redis-harness";
import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { lockKeys } from "../../src/backends/redis/keys.ts";
import { createLocks, LockBackendError, LockLostError } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, type Library, libraries, type TestClient } from "../support/clients.ts";
import { ask, granted } from "../support/two-backends.ts";

/** Generous for a loaded machine of two cores; speed is measured in bench/. */
const SLACK = 1_500;

/** The requestTimeout of tests in which nothing is waited for until it is over: no stall of the machine ends a request. */
const PATIENT = 2_500;

const redis = useRedis();

async function elapsedOf(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work.catch(() => undefined);
  return performance.now() - start;
}

/** A client whose connections pass through a proxy of its own, and one whose do not. */
class Scene implements AsyncDisposable {
  private constructor(
    readonly proxy: FaultyProxy,
    readonly client: TestClient,
    readonly admin: TestClient,
  ) {}

  static async open({ connect }: Library, server: RedisServer = redis.server): Promise<Scene> {
    const proxy = await startFaultyProxy(server);
    return new Scene(proxy, await connect(proxy.url), await connect(server.url));
  }

  async exists(key: string): Promise<number> {
    return Number(await this.admin.command("EXISTS", `lock:{${key}}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of [this.client, this.admin]) client.close();
    await this.proxy.stop();
  }
}

describe.concurrent.each(newestOrOlder(libraries))("$name, when the connection fails", (library) => {
  const key = (title: string) => `${library.name} ${title}`;

  it("holds the lock although the answer was lost, or leaves no key behind", async () => {
    await using scene = await Scene.open(library);
    const { proxy, client } = scene;
    const locks = createLocks({ backend: client.backend({ requestTimeout: PATIENT }) });
    await (await locks.acquire(key("warm-up"))).release();

    const dropped = proxy.dropReply({ after: key("lost answer") });
    const lease = await locks.acquire(key("lost answer"), { wait: 5_000 });
    await dropped;
    lease.assertHeld();
    expect(await scene.exists(key("lost answer"))).toBe(1);
    await lease.release();

    const again = proxy.dropReply({ after: key("undone") });
    await locks.tryAcquire(key("undone")).then(
      (got) => got?.release(),
      (error) => expect(error).toBeInstanceOf(LockBackendError),
    );
    await again;
    await eventually(
      "no key",
      async () => ((await scene.exists(key("undone"))) === 0 ? true : undefined),
      3_000,
    );
    await locks.close();
  });

  it("settles in time in a black hole, aborts the lease's signal, and leaves nothing unhandled", async () => {
    await using scene = await Scene.open(library);
    const { proxy, client } = scene;
    const locks = createLocks({ backend: client.backend({ requestTimeout: 400 }) });
    const lease = await locks.acquire(key("held"), { ttl: 1_500 });
    const start = performance.now();
    const lost = new Promise((resolve) => lease.signal.addEventListener("abort", resolve));
    proxy.blackhole();

    expect(await elapsedOf(locks.acquire(key("other"), { wait: 0 }))).toBeLessThan(400 + SLACK);
    await expect(locks.acquire(key("other"), { wait: 200 })).rejects.toBeInstanceOf(LockBackendError);
    await lost;
    expect(performance.now() - start).toBeLessThan(1_500 + SLACK);
    expect(lease.signal.reason).toBeInstanceOf(LockLostError);
    // A loaded machine may stall the process as well.
    expect(["unreachable", "stalled"]).toContain(lease.signal.reason.reason);
    expect(lease.validFor).toBe(0);
    expect(await lease.release()).toBe("expired");
    expect(await elapsedOf(locks.close())).toBeLessThan(500 + SLACK);
  });

  it.each([
    ["exclusive", { kind: "exclusive" }],
    ["shared", { kind: "shared" }],
    ["permits", { kind: "permits", permits: 2 }],
  ] as const)(
    "leaves no orphan when a request is executed late, and nobody undoes it: %s",
    async (_, mode) => {
      await using scene = await Scene.open(library);
      const { proxy, client, admin } = scene;
      const backend = client.backend({ requestTimeout: 600 });
      // A loaded machine may need longer for it than this backend waits.
      await eventually("the server's time", () => granted(backend, ask()).catch(() => undefined));
      const late = ask({ mode, ttl: 60_000 });
      const names = lockKeys(late);

      // The request waits in the client (its offline queue, or a socket that is not answered) past its time.
      proxy.refuse();
      await expect(backend.tryAcquire(late)).rejects.toBeInstanceOf(LockBackendError);
      const asked = client.command("PING").catch(() => undefined);
      proxy.heal();
      await asked;
      await eventually("an answer on the healed connection", () =>
        client.command("PING").then(
          () => true,
          () => undefined,
        ),
      );
      expect(Number(await admin.command("EXISTS", names[0], names[4]))).toBe(0);
      await backend.close();
    },
  );

  it("renews over a connection that is cut", async () => {
    await using scene = await Scene.open(library);
    const { proxy, client } = scene;
    const locks = createLocks({ backend: client.backend({ requestTimeout: PATIENT }) });
    const lease = await locks.acquire(key("cut"), { ttl: 3_000 });
    proxy.cut();
    let extended = 0;
    locks.on("extended", () => {
      extended += 1;
    });
    await eventually("two renewals", () => (extended >= 2 ? true : undefined));
    lease.assertHeld();
    expect(await lease.release()).toBe("released");
    await locks.close();
  });

  it("goes on when the server ends its connections", async () => {
    await using server = await startRedis();
    await using scene = await Scene.open(library, server);
    const { client, admin } = scene;
    const locks = createLocks({ backend: client.backend({ requestTimeout: PATIENT }) });
    const rivals = createLocks({ backend: admin.backend() });
    const lease = await rivals.acquire(key("killed"), { ttl: 5_000 });
    const waiting = locks.acquire(key("killed"), { wait: 20_000 });
    await eventually("a waiter", async () =>
      (await rivals.inspect(key("killed")))?.waiting === 1 ? true : undefined,
    );
    await admin.command("CLIENT", "KILL", "TYPE", "pubsub");
    await admin.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await lease.release();
    const next = await waiting;
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    await next.release();
    await locks.close();
    await rivals.close();
  });

  it("hears nothing, and is served all the same", async () => {
    await using scene = await Scene.open(library);
    const { proxy, client, admin } = scene;
    const locks = createLocks({ backend: client.backend() });
    const rivals = createLocks({ backend: admin.backend() });
    proxy.dropMessages(true);
    const lease = await rivals.acquire(key("deaf"));
    const served: number[] = [];
    const waits = [1, 2, 3].map((turn) =>
      locks.using(key("deaf"), { wait: 30_000 }, () => served.push(turn)),
    );
    await eventually("waiters", async () =>
      (await rivals.inspect(key("deaf")))?.waiting === 3 ? true : undefined,
    );
    // Newcomers all the time must not put off that the first asks again.
    let coming = true;
    const newcomers = (async () => {
      for (let turn = 4; coming; turn++) {
        waits.push(locks.using(key("deaf"), { wait: 30_000 }, () => served.push(turn)));
        await new Promise((resume) => setTimeout(resume, 150));
      }
    })();
    await lease.release();
    await waits[2];
    coming = false;
    await newcomers;
    expect(served.slice(0, 3)).toEqual([1, 2, 3]);
    proxy.dropMessages(false);
    await Promise.all(waits);
    expect(served).toEqual(served.toSorted((a, b) => a - b));
    await locks.close();
    await rivals.close();
  });
});

describe.concurrent("ioredis settings that lose promises", () => {
  const settings = [
    { title: "autoResendUnfulfilledCommands: false", options: { autoResendUnfulfilledCommands: false } },
    { title: "maxRetriesPerRequest: 0", options: { maxRetriesPerRequest: 0 } },
    { title: "commandTimeout", options: { commandTimeout: 1_000 } },
  ];

  it.each(settings)(
    "$title: an acquire settles, and leaves the key held by its caller or free",
    async ({ options }) => {
      const proxy = await startFaultyProxy(redis.server);
      const client = await ioredis6.connect(proxy.url, { client: options });
      const locks = createLocks({ backend: client.backend({ requestTimeout: PATIENT }) });
      const [key] = Object.keys(options);
      if (key === undefined) throw new Error("no option");
      await (await locks.acquire(`warm-up ${key.length}`)).release();
      const dropped = proxy.dropReply({ after: key });
      const lease = await locks.acquire(key, { wait: 5_000 });
      await dropped;
      lease.assertHeld();
      expect((await locks.inspect(key))?.holders[0]?.fencingToken).toBe(lease.fencingToken);
      await lease.release();
      expect(await locks.inspect(key)).toBeNull();
      await locks.close();
      client.close();
      await proxy.stop();
    },
  );
});

import { type FaultyProxy, startFaultyProxy } from "@lock/redis-harness";
import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { beforeAll, describe, expect, it } from "vitest";
import { extendScript, forceReleaseScript, releaseScript } from "../../src/backends/redis/lua/index.ts";
import { createLocks, type Locks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, type Library, libraries, type TestClient } from "../support/clients.ts";

const redis = useRedis();

/** The server knows the scripts, so that they are asked for by their hash. */
beforeAll(async () => {
  const client = await ioredis6.connect(redis.url);
  for (const { source } of [extendScript, releaseScript, forceReleaseScript])
    await client.driver.eval(source, [], ["60000"]);
  client.close();
});

/** Locks behind a proxy of their own, and their rivals. */
class Scene implements AsyncDisposable {
  readonly locks: Locks;
  readonly rivals: Locks;

  private constructor(
    readonly proxy: FaultyProxy,
    readonly client: TestClient,
    private readonly admin: TestClient,
  ) {
    this.locks = createLocks({ backend: client.backend() });
    this.rivals = createLocks({ backend: admin.backend() });
  }

  static async open({ connect }: Library): Promise<Scene> {
    const proxy = await startFaultyProxy(redis.server);
    return new Scene(proxy, await connect(proxy.url), await connect(redis.url));
  }

  /** The first answer of all only tells the server's time. */
  knowTime(key: string): Promise<unknown> {
    return this.locks.using(`${key}, before`, () => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.locks.close(), this.rivals.close()]);
    for (const each of [this.client, this.admin]) each.close();
    await this.proxy.stop();
  }
}

const MODES = [
  ["exclusive", (locks: Locks, key: string) => locks.readWrite(key).write],
  ["shared", (locks: Locks, key: string) => locks.readWrite(key).read],
  ["permits", (locks: Locks, key: string) => locks.semaphore(key, { permits: 1 })],
  ["several keys", (locks: Locks, key: string) => locks.readWrite([key, `${key} too`]).write],
] as const;

/** The answer to a request is lost with the connection: ioredis sends it again by itself, node-redis fails it. */
describe.each(newestOrOlder(libraries))("what $name may send twice", (library) => {
  const { name } = library;

  it.each(MODES)("a ticket that was adopted in time is its adopter's: %s", async (title, lockOf) => {
    await using scene = await Scene.open(library);
    const { proxy, locks, rivals } = scene;
    const key = `${name} adopted ${title}`;
    const ticket = (await lockOf(locks, key).acquire()).toTicket();
    const dropped = proxy.dropReply({ after: extendScript.sha });
    const adopted = await locks.adopt(ticket);
    await dropped;
    await adopted.extend();
    expect(await adopted.release()).toBe("released");
    expect(await rivals.inspect(key)).toBeNull();
  });

  it.each(MODES)("a release that freed the key in time says so: %s", async (title, lockOf) => {
    await using scene = await Scene.open(library);
    const { proxy, locks, rivals } = scene;
    const key = `${name} ${title}`;
    const told: string[] = [];
    locks.on("released", ({ outcome }) => told.push(outcome));
    const lease = await lockOf(locks, key).acquire();
    const dropped = proxy.dropReply({ after: releaseScript.sha });
    expect(await lease.release()).toBe("released");
    await dropped;
    expect(told).toEqual(["released"]);
    expect(await rivals.inspect(key)).toBeNull();
  });

  it("so does one that offered the key to a waiter", async () => {
    await using scene = await Scene.open(library);
    const { proxy, locks, rivals } = scene;
    const key = `${name} waited for`;
    const lease = await locks.acquire(key);
    const waiting = rivals.acquire(key);
    await eventually("a waiter", async () => ((await rivals.inspect(key))?.waiting === 1 ? true : undefined));
    const dropped = proxy.dropReply({ after: releaseScript.sha });
    expect(await lease.release()).toBe("released");
    await dropped;
    await (await waiting).release();
  });

  it("a release of what was taken by force says so, too", async () => {
    await using scene = await Scene.open(library);
    const { locks, rivals } = scene;
    const key = `${name} forced`;
    const lease = await locks.acquire(key);
    expect(await rivals.forceRelease(key)).toBe(true);
    expect(await lease.release()).toBe("expired");
  });

  it("a forced release takes the key from one holder only", async () => {
    await using scene = await Scene.open(library);
    const { proxy, locks, rivals } = scene;
    const key = `${name} handed over by force`;
    await rivals.acquire(key, { renew: false });
    const next = rivals.acquire(key, { wait: 5_000, renew: false });
    await eventually("a waiter", async () => ((await rivals.inspect(key))?.waiting === 1 ? true : undefined));
    await scene.knowTime(key);
    const dropped = proxy.dropReply({ after: forceReleaseScript.sha });
    const forcing = locks.forceRelease(key).catch(({ ambiguous }: { ambiguous: boolean }) => ambiguous);
    await dropped;
    const lease = await next;
    expect(await forcing).toBe(true);
    await expect(lease.extend()).resolves.toBeUndefined();
    await lease.release();
  });

  it("a forced release that arrives late takes nothing: who holds the key by then is not meant", async () => {
    await using scene = await Scene.open(library);
    const { proxy, rivals } = scene;
    const key = `${name} late by force`;
    const hasty = createLocks({ backend: scene.client.backend({ requestTimeout: 600 }) });
    // A loaded machine may need longer for it than this backend waits.
    await eventually("the server's time", () => hasty.forceRelease(`${key}, before`).catch(() => undefined));
    proxy.delay(900);
    const forcing = hasty.forceRelease(key).catch((error: unknown) => error);
    expect(await forcing).toMatchObject({ code: "LOCK_BACKEND", ambiguous: true });
    const lease = await rivals.acquire(key);
    // What the client sent before this has been executed, or refused.
    await scene.client.command("PING");
    await expect(lease.extend()).resolves.toBeUndefined();
    await lease.release();
    await hasty.close();
  });

  it("a forced release tells that it did", async () => {
    await using scene = await Scene.open(library);
    const { proxy, locks, rivals } = scene;
    const key = `${name} by force`;
    await rivals.acquire(key);
    await scene.knowTime(key);
    const dropped = proxy.dropReply({ after: forceReleaseScript.sha });
    const said = await locks.forceRelease(key).catch((error: unknown) => error);
    await dropped;
    // A client that does not send again leaves it open.
    if (said !== true) expect(said).toMatchObject({ code: "LOCK_BACKEND", ambiguous: true });
    expect(await rivals.inspect(key)).toBeNull();
    expect(await locks.forceRelease(key)).toBe(false);
  });
});

describe.each(newestOrOlder(libraries).filter(({ family }) => family === "ioredis"))(
  "what $name sends when it is connected again",
  ({ name, connect }) => {
    it("is sent once: a release tells that the lease was taken before", async () => {
      await using proxy = await startFaultyProxy(redis.server);
      const client = await connect(proxy.url, { client: { retryStrategy: () => 500 } });
      const admin = await connect(redis.url);
      const [locks, rivals] = [client, admin].map((each) => createLocks({ backend: each.backend() }));
      const lease = await locks?.acquire(`taken ${name}`, { ttl: 60_000 });
      expect(await rivals?.forceRelease(`taken ${name}`)).toBe(true);
      proxy.cut();
      await eventually("no connection", () =>
        client.driver.connections?.().length === 0 ? true : undefined,
      );
      expect(await lease?.release()).toBe("expired");
      await Promise.all([locks?.close(), rivals?.close()]);
      for (const each of [client, admin]) each.close();
    });
  },
);

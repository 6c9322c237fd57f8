import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { type FaultyProxy, type RedisServer, startFaultyProxy } from "@lock/redis-harness";
import { expect, useOwnTests, useRedis, whenOver } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { afterAll, beforeAll, vi } from "vitest";

/** Locks of a test whose way to the server is its own, and may break. */
export interface FaultyLocks {
  readonly locks: Locks;
  readonly proxy: FaultyProxy;
}

/** Locks of a test that share no key with those of others. */
export interface LocksApart {
  readonly locks: Locks;
  /** How many of their keys are held. */
  held(): Promise<number>;
}

/** Locks of a test file on a Redis of its own. Its tests may run at the same time. */
export interface LocksScene {
  /** Of the app: their way to the server is through `proxy`. */
  readonly locks: Locks;
  readonly proxy: FaultyProxy;
  /** Straight to the server. */
  readonly redis: Redis;
  /** Locks of somebody else, straight to the server. */
  readonly rivals: Locks;
  faulty(requestTimeout?: number): Promise<FaultyLocks>;
  apart(): LocksApart;
  /** A key that no other test uses. */
  key(): string;
  /** Waits until nobody holds or awaits it. */
  free(key: string): Promise<void>;
}

export function useLocks(): LocksScene {
  useOwnTests();
  const server = useRedis();
  let open: (Omit<LocksScene, "key" | "free" | "faulty" | "apart"> & { close(): Promise<void> }) | undefined;
  let keys = 0;
  beforeAll(async () => {
    const proxy = await startFaultyProxy(server.server);
    const [redis, through] = [connect(server.url), connect(proxy.url)];
    const locks = createLocks({ backend: ioredisBackend(through, { requestTimeout: 10_000 }) });
    const rivals = createLocks({
      backend: ioredisBackend(redis, { requestTimeout: 10_000 }),
      holder: "rival",
    });
    const close = async () => {
      await Promise.all([locks.close(), rivals.close()]);
      for (const client of [redis, through]) client.disconnect();
      await proxy.stop();
    };
    open = { locks, rivals, proxy, redis, close };
  });
  afterAll(() => open?.close());
  const opened = () => {
    if (open === undefined) throw new Error("the locks are there only within tests");
    return open;
  };
  return {
    get locks() {
      return opened().locks;
    },
    get rivals() {
      return opened().rivals;
    },
    get proxy() {
      return opened().proxy;
    },
    get redis() {
      return opened().redis;
    },
    faulty: (requestTimeout = 2_000) => faultyLocks(server.server, requestTimeout),
    apart: () => locksApart(opened().redis, `apart-${++keys}`),
    key: () => `key-${++keys}`,
    free: (key) => expect.poll(() => opened().rivals.inspect(key), { timeout: 10_000 }).toBeNull(),
  };
}

async function faultyLocks(server: RedisServer, requestTimeout: number): Promise<FaultyLocks> {
  const proxy = await startFaultyProxy(server);
  const client = connect(proxy.url);
  const locks = createLocks({ backend: ioredisBackend(client, { requestTimeout }) });
  // What is slow once, such as the first connection, is not what a test is about.
  await vi.waitFor(() => locks.using(proxy.url, () => true), { timeout: 20_000 });
  whenOver(async () => {
    proxy.heal();
    await locks.close();
    client.disconnect();
    await proxy.stop();
  });
  return { locks, proxy };
}

function locksApart(redis: Redis, prefix: string): LocksApart {
  const locks = createLocks({ backend: ioredisBackend(redis, { requestTimeout: 10_000 }), prefix });
  whenOver(() => locks.close());
  return {
    locks,
    async held() {
      let count = 0;
      for await (const _ of locks.list()) count += 1;
      return count;
    },
  };
}

/** Tests cut connections on purpose. */
function connect(url: string): Redis {
  return new Redis(url).on("error", () => undefined);
}

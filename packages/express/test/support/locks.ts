import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { type FaultyProxy, startFaultyProxy } from "@lock/redis-harness";
import { useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect } from "vitest";

/** Locks of a test file on a Redis of its own. */
export interface LocksScene {
  /** Of the app: their way to the server is through `proxy`. */
  readonly locks: Locks;
  readonly proxy: FaultyProxy;
  /** Straight to the server. */
  readonly redis: Redis;
  /** Locks of somebody else, straight to the server. */
  readonly rivals: Locks;
  /** A key that no other test uses. */
  key(): string;
  /** Waits until nobody holds or awaits it. */
  free(key: string): Promise<void>;
}

export function useLocks(): LocksScene {
  const server = useRedis();
  let open: (Omit<LocksScene, "key" | "free"> & { close(): Promise<void> }) | undefined;
  let keys = 0;
  beforeAll(async () => {
    const proxy = await startFaultyProxy(server.server);
    const [redis, through] = [connect(server.url), connect(proxy.url)];
    const locks = createLocks({ backend: ioredisBackend(through, { requestTimeout: 2_000 }) });
    const rivals = createLocks({ backend: ioredisBackend(redis), holder: "rival" });
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
    key: () => `key-${++keys}`,
    free: (key) => expect.poll(() => opened().rivals.inspect(key), { timeout: 10_000 }).toBeNull(),
  };
}

/** Tests cut connections on purpose. */
function connect(url: string): Redis {
  return new Redis(url).on("error", () => undefined);
}

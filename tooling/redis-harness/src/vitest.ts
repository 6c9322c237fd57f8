import { afterAll, beforeAll } from "vitest";
import { type ClusterOptions, type RedisCluster, startCluster } from "./cluster.ts";
import { type RedisSentinel, type SentinelOptions, startSentinel } from "./sentinel.ts";
import { type RedisOptions, type RedisServer, startRedis } from "./single.ts";

export { type Gate, gate } from "./gate.ts";
export { expect, useOwnTests, whenOver } from "./own-test.ts";
export { Room } from "./room.ts";

/** One Redis for all tests of a file. */
export function useRedis(options: RedisOptions = {}): { readonly url: string; readonly server: RedisServer } {
  const running = useOne(() => startRedis(options));
  return {
    get server() {
      return running();
    },
    get url() {
      return this.server.url;
    },
  };
}

/** One Sentinel deployment for all tests of a file; to be asked for within tests. */
export function useSentinel(options: SentinelOptions = {}): () => RedisSentinel {
  return useOne(() => startSentinel(options));
}

/** One Cluster for all tests of a file; to be asked for within tests. */
export function useCluster(options: ClusterOptions = {}): () => RedisCluster {
  return useOne(() => startCluster(options));
}

function useOne<T extends { stop(): Promise<void> }>(start: () => Promise<T>): () => T {
  let started: T | undefined;
  beforeAll(async () => {
    started = await start();
  });
  afterAll(async () => {
    await started?.stop();
  });
  return () => {
    if (started === undefined) throw new Error("the server runs only within tests");
    return started;
  };
}

/**
 * How often a randomised test tries: a few times in `pnpm test`, and many times in `pnpm prove campaigns`, which runs all
 * files that call this.
 */
export function fewOrMany(few: number, many: number): number {
  return process.env.LOCK_CAMPAIGN === undefined ? few : many;
}

/**
 * Which versions of a client or a framework a test tries: the newest in `pnpm test`, and the others in
 * `pnpm prove versions`, which runs all files that call this.
 */
export function newestOrOlder<T extends { readonly isNewest: boolean }>(versions: readonly T[]): T[] {
  const areOlder = process.env.LOCK_TEST_VERSIONS === "older";
  return versions.filter(({ isNewest }) => isNewest !== areOlder);
}

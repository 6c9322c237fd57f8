import { createLocks, type Locks, type LocksOptions } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { afterAll } from "vitest";

type BackendOptions = Parameters<typeof ioredisBackend>[1];

/** What one process of a service has: a client, and locks on it. */
export interface Process {
  readonly client: Redis;
  readonly locks: Locks;
}

export interface ProcessOptions extends Omit<LocksOptions, "backend"> {
  /** Where its client connects to. Default: the server of the file. */
  readonly url?: string;
  readonly redis?: Readonly<Record<string, unknown>>;
  readonly backend?: BackendOptions;
}

/** One server for all tests of a file, and processes that lock on it. */
export interface Scene extends Pick<ReturnType<typeof useRedis>, "url" | "server"> {
  /** A process more; all are closed after the last test. */
  open(options?: ProcessOptions): Process;
  /** A key that no other test uses. */
  key(): string;
}

let keys = 0;

export function useScene(): Scene {
  const redis = useRedis();
  const open: Process[] = [];
  afterAll(async () => {
    await Promise.all(open.map(({ locks }) => locks.close()));
    for (const { client } of open) client.disconnect();
  });
  return {
    get url() {
      return redis.url;
    },
    get server() {
      return redis.server;
    },
    open: ({ url = redis.url, redis: ofClient = {}, backend, ...options } = {}) => {
      // Tests cut connections on purpose.
      const client = new Redis(url, { ...ofClient }).on("error", () => undefined);
      const process = {
        client,
        locks: createLocks({ ...options, backend: ioredisBackend(client, backend) }),
      };
      open.push(process);
      return process;
    },
    key: () => `key ${++keys}`,
  };
}

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createLocks, type Locks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { useRedis } from "@lock/redis-harness/vitest";
import { Redis } from "ioredis";
import { afterAll, beforeAll } from "vitest";
import type { Started } from "./lock.ts";

/** What tests of `lock run` share: a Redis, locks on it, and names that no other test has. */
export interface Runs {
  readonly locks: Locks;
  env(): NodeJS.ProcessEnv;
  newKey(): string;
  /** A pipe with a name: its reader waits until something is written. */
  newFifo(): Promise<string>;
}

export function useRuns(): Runs {
  const redis = useRedis();
  let client: Redis | undefined;
  let locks: Locks | undefined;
  let folder = "";
  let names = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lock-run-"));
    client = new Redis(redis.url);
    locks = createLocks({ backend: ioredisBackend(client), holder: "the test" });
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await locks?.close();
    client?.disconnect();
  });
  return {
    get locks() {
      if (locks === undefined) throw new Error("locks are there once the tests run");
      return locks;
    },
    env: () => ({ REDIS_URL: redis.url }),
    newKey: () => `run:${++names}`,
    newFifo: async () => {
      const path = join(folder, `fifo-${++names}`);
      await promisify(execFile)("mkfifo", [path]);
      return path;
    },
  };
}

/** Its process group is told by the command itself: it leads the group. */
export async function groupOf(started: Started): Promise<number> {
  let group = 0;
  started.child.stdout?.on("data", (text: string) => {
    group = Number(/group (\d+)/.exec(text)?.[1] ?? group);
  });
  await started.says(/group \d+\n/);
  return group;
}

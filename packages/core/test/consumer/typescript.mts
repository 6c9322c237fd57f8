import { createLocks, type Lease, LockLostError, type Locks } from "@lock/core";
import { readRedisEnv } from "@lock/core/env";
import { checkHealth, type HealthReport } from "@lock/core/health";
import { inProcessBackend } from "@lock/core/in-process";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { Cluster, Redis } from "ioredis";
import { Cluster as Cluster5, Redis as Redis5 } from "ioredis5";
import { Redis as Iovalkey, Cluster as IovalkeyCluster } from "iovalkey";
import { createClient } from "redis";
import { createClient as createClient5 } from "redis5";

export const all: Locks[] = [
  createLocks({ backend: inProcessBackend() }),
  createLocks({ backend: ioredisBackend(new Redis()) }),
  createLocks({ backend: ioredisBackend(new Redis5()) }),
  createLocks({ backend: ioredisBackend(new Cluster([])) }),
  createLocks({ backend: ioredisBackend(new Cluster5([])) }),
  createLocks({ backend: ioredisBackend(new Iovalkey()) }),
  createLocks({ backend: ioredisBackend(new IovalkeyCluster([])) }),
  createLocks({ backend: nodeRedisBackend(createClient()) }),
  createLocks({ backend: nodeRedisBackend(createClient5()) }),
  createLocks({ backend: nodeRedisBackend(createClient({ RESP: 2, url: "redis://127.0.0.1" })) }),
];

const [node] = readRedisEnv({}).nodes;
export const fromEnv: Locks[] = [
  createLocks({ backend: ioredisBackend(new Redis(node.url, node.ioredisOptions)) }),
  createLocks({ backend: ioredisBackend(new Redis5(node.url, node.ioredisOptions)) }),
  createLocks({ backend: ioredisBackend(new Iovalkey(node.url, node.ioredisOptions)) }),
  createLocks({ backend: nodeRedisBackend(createClient(node.nodeRedisOptions)) }),
  createLocks({ backend: nodeRedisBackend(createClient5(node.nodeRedisOptions)) }),
];

export function check(): Promise<HealthReport> {
  return checkHealth(inProcessBackend(), { maxPing: 50 });
}

export async function use(locks: Locks): Promise<number> {
  await using lease: Lease = await locks.acquire("key", { wait: "forever", meta: { job: "7" } });
  const maybe: Lease | null = await locks.tryAcquire("other");
  if (lease.signal.reason instanceof LockLostError) return 0;
  // @ts-expect-error a wait is a number or "forever"
  await locks.acquire("key", { wait: "5s" });
  // @ts-expect-error there is no such event
  locks.on("gone", () => {});
  return locks.using("key", async ({ fencingToken }) => fencingToken + (maybe?.validFor ?? 0));
}

import { askServer, type RedisServer } from "@lock/redis-harness";
import { useRedis } from "@lock/redis-harness/vitest";
import { beforeAll } from "vitest";
import { eventually } from "../../src/testing/test-api.ts";

/** One server in cluster mode that serves all slots, for all tests of a file. */
export function useClusterOfOne(): ReturnType<typeof useRedis> {
  const redis = useRedis({ args: ["--cluster-enabled", "yes"] });
  beforeAll(() => serveAllSlots(redis.server));
  return redis;
}

export async function serveAllSlots({ port }: RedisServer): Promise<void> {
  await askServer(port, "CLUSTER", "ADDSLOTSRANGE", "0", "16383");
  await eventually("a cluster that serves", async () =>
    (await askServer(port, "CLUSTER", "INFO")).includes("cluster_state:ok") ? true : undefined,
  );
}

import { askForLines, askServer } from "./ask.ts";
import type { RedisServer } from "./single.ts";
import { until } from "./until.ts";

/** Replicas that wait a second or more for their data would make every start slow. */
export const FAST_REPLICATION = [
  ...["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"],
  ...["--repl-ping-replica-period", "1"],
] as const;

/** The ports of the replicas that a master feeds. */
export async function replicasOf(master: RedisServer): Promise<number[]> {
  const lines = await askForLines(master.port, "INFO", "replication");
  return lines.flatMap((line) => {
    const [, port] = line.match(/^slave\d+:.*\bport=(\d+),state=online/) ?? [];
    return port === undefined ? [] : [Number(port)];
  });
}

export async function untilReplicated(master: RedisServer, replicas: readonly RedisServer[]): Promise<void> {
  await until("all replicas are fed", async () => {
    const fed = new Set(await replicasOf(master));
    return replicas.every(({ port }) => fed.has(port));
  });
}

/**
 * Runs work whose writes reach the master and none of its replicas, and kills the master after it: what it wrote is
 * lost, whoever is promoted. The replicas stand still meanwhile, so it should be short.
 */
export async function loseMaster<T>(
  master: RedisServer,
  replicas: readonly RedisServer[],
  work: () => Promise<T>,
): Promise<T> {
  // While they stand still, they do not connect again; what the kernel had for them goes with the connection.
  for (const replica of replicas) replica.pause();
  try {
    await askServer(master.port, "CLIENT", "KILL", "TYPE", "replica");
    return await work();
  } finally {
    await master.kill();
    for (const replica of replicas) replica.resume();
  }
}

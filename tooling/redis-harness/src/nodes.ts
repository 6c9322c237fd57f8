import { type RedisOptions, type RedisServer, startRedis } from "./single.ts";

export type RedisNodesOptions = Omit<RedisOptions, "port">;

export interface RedisNodes extends AsyncDisposable {
  readonly nodes: readonly RedisServer[];
  /** Stops every node. May be called more than once. */
  stop(): Promise<void>;
}

/** Starts `count` servers that know nothing of one another. If one does not start, none stays. */
export async function startRedisNodes(count: number, options: RedisNodesOptions = {}): Promise<RedisNodes> {
  const starts = await Promise.allSettled(Array.from({ length: count }, () => startRedis(options)));
  const nodes = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  const failure = starts.find((start) => start.status === "rejected");
  if (failure !== undefined) {
    await stop();
    throw failure.reason;
  }
  return { nodes, stop, [Symbol.asyncDispose]: stop };
}

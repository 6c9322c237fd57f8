import { type RedisOptions, type RedisServer, startRedis } from "./single.ts";
import { stopAll, together } from "./together.ts";

export type RedisNodesOptions = Omit<RedisOptions, "port">;

export interface RedisNodes extends AsyncDisposable {
  readonly nodes: readonly RedisServer[];
  /** Stops every node. May be called more than once. */
  stop(): Promise<void>;
}

/** Starts `count` servers that know nothing of one another. If one does not start, none stays. */
export async function startRedisNodes(count: number, options: RedisNodesOptions = {}): Promise<RedisNodes> {
  const nodes = await together(count, () => startRedis(options));
  const stop = () => stopAll(nodes);
  return { nodes, stop, [Symbol.asyncDispose]: stop };
}

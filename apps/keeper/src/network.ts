import { nodesEnv } from "@lock/demo-kit";
import { type FaultyProxy, type RedisNodes, startFaultyProxy, startRedisNodes } from "@lock/redis-harness";
import { NODES } from "./messages.ts";

/** Three nodes, and for each keeper a way of its own to each of them, which can be broken. */
export class Network implements AsyncDisposable {
  private constructor(
    private readonly redis: RedisNodes,
    private readonly ways: ReadonlyMap<number, readonly FaultyProxy[]>,
  ) {}

  static async start(keepers: readonly number[]): Promise<Network> {
    const redis = await startRedisNodes(NODES, { persist: true });
    const ways = new Map<number, FaultyProxy[]>();
    for (const keeper of keepers) {
      ways.set(keeper, await Promise.all(redis.nodes.map((node) => startFaultyProxy(node))));
    }
    return new Network(redis, ways);
  }

  get places(): string {
    const [first, ...others] = this.redis.nodes;
    return [`${first?.host}:${first?.port}`, ...others.map(({ port }) => port)].join(", ");
  }

  /** What a keeper process needs to find the nodes. */
  env(keeper: number) {
    return nodesEnv(this.ways.get(keeper) ?? []);
  }

  /** Swallows every byte between a keeper and the nodes. Its connections stay open: it is not told. */
  cutOff(keeper: number): void {
    for (const way of this.ways.get(keeper) ?? []) way.blackhole();
  }

  heal(keeper: number): void {
    for (const way of this.ways.get(keeper) ?? []) way.heal();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.ways.values()].flat().map((way) => way.stop()));
    await this.redis.stop();
  }
}

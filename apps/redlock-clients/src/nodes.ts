import { nodesEnv } from "@lock/demo-kit";
import { type RedisServer, startRedis } from "@lock/redis-harness";
import { NODES } from "./messages.ts";

/** Those of docker-compose.yml. */
const FIRST_PORT = 63_791;

/** Five independent Redis servers, which keep their data when they are killed. */
export class Nodes implements AsyncDisposable {
  private constructor(readonly servers: readonly RedisServer[]) {}

  static async start(): Promise<Nodes> {
    const starting = Array.from({ length: NODES }, (_, index) => startAt(FIRST_PORT + index));
    const started = await Promise.allSettled(starting);
    const servers = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const nodes = new Nodes(servers);
    const failed = started.find((result) => result.status === "rejected");
    if (failed === undefined) return nodes;
    await nodes[Symbol.asyncDispose]();
    throw failed.reason;
  }

  /** What a client process needs to find them. */
  get env() {
    return nodesEnv(this.servers);
  }

  /** SIGKILL; `nodes` are numbered from 1. */
  async kill(nodes: readonly number[]): Promise<void> {
    await Promise.all(nodes.map((node) => this.servers[node - 1]?.kill()));
  }

  async bringBack(node: number): Promise<void> {
    await this.servers[node - 1]?.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}

/** At any free port where this one is taken. */
async function startAt(port: number): Promise<RedisServer> {
  try {
    return await startRedis({ port, persist: true });
  } catch {
    return startRedis({ persist: true });
  }
}

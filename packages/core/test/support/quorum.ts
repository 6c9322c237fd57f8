import type { RedisNodes } from "@lock/redis-harness";
import { startRedisNodes } from "@lock/redis-harness";
import { afterAll, beforeAll } from "vitest";
import type { RedisBackendOptions } from "../../src/backends/redis/redis-backend.ts";
import type { LockBackend } from "../../src/contract/backend.ts";
import { type QuorumBackend, type QuorumBackendOptions, quorumBackend } from "../../src/quorum.ts";
import { type Library, libraries, type TestClient } from "./clients.ts";

/** A process that has a client for each node. */
export interface QuorumProcess extends AsyncDisposable {
  readonly backend: QuorumBackend;
  readonly clients: readonly TestClient[];
}

/** Connects to all nodes; by default with another library and version for each. */
export async function openQuorum(
  urls: readonly string[],
  options: QuorumBackendOptions = {},
  libraryOf = (index: number): Library | undefined => libraries[index % libraries.length],
  backendOptions: RedisBackendOptions = {},
): Promise<QuorumProcess> {
  const clients = await Promise.all(
    urls.map((url, index) => {
      const library = libraryOf(index);
      if (library === undefined) throw new Error("no such library");
      return library.connect(url);
    }),
  );
  const backend = quorumBackend(
    clients.map((client) => client.backend(backendOptions)),
    // A busy machine is no node that is away.
    { nodeTimeout: 1_000, ...options },
  );
  const close = async () => {
    await backend.close();
    for (const client of clients) client.close();
  };
  return { backend, clients, [Symbol.asyncDispose]: close };
}

/** So many nodes for all tests of a file. */
export function useNodes(count: number): {
  readonly urls: readonly string[];
  readonly nodes: RedisNodes["nodes"];
} {
  let started: RedisNodes | undefined;
  beforeAll(async () => {
    started = await startRedisNodes(count);
  });
  afterAll(() => started?.stop());
  return {
    get nodes() {
      if (started === undefined) throw new Error("the nodes run only within tests");
      return started.nodes;
    },
    get urls() {
      return this.nodes.map(({ url }) => url);
    },
  };
}

/** Two processes on the same nodes, as the suites want them. */
export async function openTwo(urls: readonly string[], options?: QuorumBackendOptions) {
  const processes = [await openQuorum(urls, options), await openQuorum(urls, options)];
  const [one, two] = processes.map(({ backend }): LockBackend => backend);
  if (one === undefined || two === undefined) throw new Error("two processes were asked for");
  const close = async () => {
    for (const process of processes) await process[Symbol.asyncDispose]();
  };
  return { one, two, close };
}

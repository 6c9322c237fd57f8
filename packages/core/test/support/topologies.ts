import { askServer, type RedisServer } from "@lock/redis-harness";
import { createLocks } from "../../src/index.ts";
import { backendSuite, driverSuite, locksSuite, modesSuite } from "../../src/testing.ts";
import type { TestClient } from "./clients.ts";
import { alone, atOnce } from "./suites.ts";

/** Servers that clients reach as one. */
export interface Topology {
  readonly name: string;
  servers(): readonly RedisServer[];
  connect(): Promise<TestClient>;
}

/** What every driver must stand on a topology. A client of Sentinel is many clients: tests at once would be too many. */
export function runBasicSuites(topology: Topology): void {
  const { name, connect, servers } = topology;
  driverSuite({
    api: alone,
    name,
    open: async () => {
      const client = await connect();
      return {
        driver: client.driver,
        killSubscribers: async () => {
          await Promise.all(servers().map(({ port }) => askServer(port, "CLIENT", "KILL", "TYPE", "pubsub")));
        },
        close: async () => client.close(),
      };
    },
  });
  locksSuite({ api: alone, name, open: () => openTwoLocks(topology) });
}

/** And one driver of each library all the rest. */
export function runOtherSuites(topology: Topology): void {
  const { name } = topology;
  backendSuite({ api: atOnce, name, open: () => openTwo(topology) });
  modesSuite({ api: atOnce, name, open: () => openTwoLocks(topology), keysInOneStep: false });
}

export async function openTwo({ connect }: Topology) {
  const clients = await Promise.all([connect(), connect()]);
  const [one, two] = clients.map((client) => client.backend());
  if (one === undefined || two === undefined) throw new Error("two clients were asked for");
  const close = async () => {
    await Promise.all([one.close(), two.close()]);
    for (const client of clients) client.close();
  };
  return { one, two, close };
}

export async function openTwoLocks(topology: Topology) {
  const { one, two, close } = await openTwo(topology);
  return { one: createLocks({ backend: one }), two: createLocks({ backend: two }), close };
}

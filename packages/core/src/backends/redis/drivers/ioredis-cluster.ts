import type { RedisDriver, ScriptRunner } from "../driver.ts";
import { ClusterCalls } from "./cluster-calls.ts";
import type { IoredisClient, IoredisCommands, IoredisNode } from "./ioredis-client.ts";
import { type ConnectToAny, openRoamingSubscriber } from "./roaming-subscriber.ts";

export function ioredisRunner(client: IoredisCommands): ScriptRunner {
  return {
    evalsha: (sha, keys, args) => client.evalsha(sha, keys.length, ...keys, ...args),
    eval: (source, keys, args) => client.eval(source, keys.length, ...keys, ...args),
  };
}

/** The driver for a `Cluster` of ioredis. */
export function ioredisClusterDriver(client: IoredisClient): RedisDriver {
  const run = ioredisRunner(client);
  const calls = new ClusterCalls({
    isOpen: () => isOpen(client),
    lookAgain: () => new Promise<void>((resolve) => client.refreshSlotsCache?.(() => resolve())),
  });
  const keyPrefix = client.options.keyPrefix ?? "";
  return {
    name: "ioredis",
    deployment: "cluster",
    keyPrefix,
    evalsha: (...call) => calls.watch(run.evalsha(...call)),
    eval: (...call) => calls.watch(run.eval(...call)),
    command: async ([name, ...args], key) => {
      const on = key === undefined ? client : await nodeOf(client, keyPrefix + key);
      return on.call(name, ...args);
    },
    masters: async () => {
      // Before it is connected it takes all nodes that it was given for masters.
      await client.call("PING");
      return mastersOf(client).map(ioredisRunner);
    },
    openSubscriber: (ears) => openRoamingSubscriber(connectTo(client), ears),
  };
}

function isOpen(client: IoredisClient): boolean {
  return client.status !== "end";
}

function mastersOf(client: IoredisClient): readonly IoredisNode[] {
  return client.nodes?.("master") ?? [];
}

async function nodeOf(client: IoredisClient, redisKey: string): Promise<IoredisNode> {
  const slot = Number(await client.call("CLUSTER", "KEYSLOT", redisKey));
  const address = client.slots?.[slot]?.[0];
  const node = mastersOf(client).find(({ options: { host, port } }) => `${host}:${port}` === address);
  if (node === undefined) throw new Error(`CLUSTERDOWN no master is known for slot ${slot}`);
  return node;
}

function connectTo(client: IoredisClient): ConnectToAny {
  return async (message, lost) => {
    if (!isOpen(client)) return null;
    const masters = mastersOf(client);
    const node = masters[Math.floor(Math.random() * masters.length)];
    if (node === undefined) throw new Error("Connection is closed.");
    const connection = node.duplicate({
      autoResubscribe: false,
      retryStrategy: null,
      lazyConnect: true,
    } as never);
    connection.on("message", (_channel, text) => message(String(text)));
    // Without a listener ioredis would print every lost connection.
    connection.on("error", () => undefined);
    connection.on("end", lost);
    return {
      subscribe: (channels) => connection.subscribe(...channels),
      close: () => connection.disconnect(),
    };
  };
}

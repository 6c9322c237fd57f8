import type { RedisDriver, ScriptRunner } from "../driver.ts";
import { anyOf, ClusterCalls } from "./cluster-calls.ts";
import type { IoredisClient, IoredisCommands, IoredisNode } from "./ioredis-client.ts";
import { openIoredisSubscriber } from "./ioredis-subscriber.ts";

export function ioredisRunner(client: IoredisCommands): ScriptRunner {
  return {
    evalsha: (sha, keys, args) => client.evalsha(sha, keys.length, ...keys, ...args),
    eval: (source, keys, args) => client.eval(source, keys.length, ...keys, ...args),
  };
}

/** The connection of a client, where it has one. */
export function openStream({ stream }: IoredisCommands): readonly object[] {
  return stream === undefined || stream.destroyed ? [] : [stream];
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
    connections: () => mastersOf(client).flatMap(openStream),
    masters: async () => {
      // Before it is connected it takes all nodes that it was given for masters.
      await client.call("PING");
      return mastersOf(client).map(ioredisRunner);
    },
    openSubscriber: async (...how) => openIoredisSubscriber(anyOf(mastersOf(client)), ...how),
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

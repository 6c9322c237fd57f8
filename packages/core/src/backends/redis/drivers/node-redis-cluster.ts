import type { RedisDriver, ScriptRunner } from "../driver.ts";
import { anyOf, ClusterCalls } from "./cluster-calls.ts";
import type { NodeRedisCluster, NodeRedisScripts } from "./node-redis-client.ts";
import { openNodeRedisSubscriber } from "./node-redis-subscriber.ts";

export function nodeRedisRunner(client: NodeRedisScripts): ScriptRunner {
  return {
    evalsha: (sha, keys, args) => client.evalSha(sha, { keys: [...keys], arguments: [...args] }),
    eval: (source, keys, args) => client.eval(source, { keys: [...keys], arguments: [...args] }),
  };
}

export function keyPrefixOf({ _keyPrefix = "" }: NodeRedisScripts): string {
  return String(_keyPrefix);
}

/** The driver for a `createCluster()` of node-redis. */
export function nodeRedisClusterDriver(client: NodeRedisCluster): RedisDriver {
  const run = nodeRedisRunner(client);
  const calls = new ClusterCalls({
    isOpen: () => client.isOpen,
    lookAgain: () => rediscover(client),
  });
  return {
    name: "node-redis",
    deployment: "cluster",
    keyPrefix: keyPrefixOf(client),
    evalsha: (...call) => calls.watch(run.evalsha(...call)),
    eval: (...call) => calls.watch(run.eval(...call)),
    command: async (words, key) => {
      if (key === undefined) return client.sendCommand(undefined, false, [...words]);
      const slot = Number(await client.sendCommand(key, true, ["CLUSTER", "KEYSLOT", key]));
      const master = client.slots[slot]?.master;
      if (master === undefined) throw new Error(`CLUSTERDOWN no master is known for slot ${slot}`);
      return (await client.nodeClient(master as never)).sendCommand([...words]);
    },
    masters: () =>
      Promise.all(
        client.masters.map(async (master) => nodeRedisRunner(await client.nodeClient(master as never))),
      ),
    openSubscriber: async (...how) => {
      const node = await client.nodeClient(anyOf(client.masters) as never);
      return openNodeRedisSubscriber(node, ...how);
    },
  };
}

/** Asks the first node that answers; one that stands still would be waited for. */
async function rediscover(client: NodeRedisCluster): Promise<void> {
  const nodes = client.masters.flatMap(({ client: node }) => (node?.isReady ? [node] : []));
  const answering = await Promise.any(nodes.map((node) => node.sendCommand(["PING"]).then(() => node)));
  await client._slots?.rediscover?.(answering as never);
}

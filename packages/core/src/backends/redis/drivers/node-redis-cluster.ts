import type { RedisDriver, ScriptRunner } from "../driver.ts";
import { ClusterCalls } from "./cluster-calls.ts";
import type { NodeRedisCluster, NodeRedisScripts } from "./node-redis-client.ts";
import { type ConnectToAny, openRoamingSubscriber } from "./roaming-subscriber.ts";

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
    openSubscriber: (ears) => openRoamingSubscriber(connectTo(client), ears),
  };
}

/** Asks the first node that answers; one that stands still would be waited for. */
async function rediscover(client: NodeRedisCluster): Promise<void> {
  const nodes = client.masters.flatMap(({ client: node }) => (node?.isReady ? [node] : []));
  const answering = await Promise.any(nodes.map((node) => node.sendCommand(["PING"]).then(() => node)));
  await client._slots?.rediscover?.(answering as never);
}

function connectTo(client: NodeRedisCluster): ConnectToAny {
  return async (message, lost) => {
    if (!client.isOpen) return null;
    const { masters } = client;
    const node = masters[Math.floor(Math.random() * masters.length)];
    if (node === undefined) throw new Error("The client is closed");
    const connection = (await client.nodeClient(node as never)).duplicate();
    const close = () => {
      // It throws where it has been closed.
      try {
        connection.destroy();
      } catch {}
    };
    await new Promise((resolve, reject) => {
      // A connection that is lost is given up, rather than waited for.
      connection.on("error", reject);
      connection.on("error", close);
      connection.on("error", lost);
      connection.on("end", lost);
      connection.connect().then(resolve, reject);
    });
    return { subscribe: (channels) => connection.subscribe([...channels], message), close };
  };
}

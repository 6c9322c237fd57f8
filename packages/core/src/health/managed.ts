import type { ReachableNode } from "./facts.ts";
import type { Rule } from "./finding.ts";

/** A server that is in cluster mode, behind a client that does not know. */
export function cluster({ facts }: ReachableNode): ReturnType<Rule> {
  const { clusterEnabled, clusterClient, shards } = facts;
  if (!clusterEnabled || clusterClient) return null;
  if (shards !== undefined && shards > 1) {
    return {
      severity: "error",
      code: "cluster",
      found: `it is one of ${shards} shards of a cluster, behind a plain client`,
      advice:
        "Locks fail for keys of other shards: use new Cluster of ioredis, or createCluster of node-redis.",
    };
  }
  const more = "If it has more than one shard, use new Cluster of ioredis, or createCluster of node-redis.";
  return {
    severity: "note",
    code: "cluster",
    found: "it is in cluster mode, behind a plain client",
    advice: `Locks work; requests of different keys travel one by one, several keys are taken in order instead of in one step, and atomic: true is refused.${shards === 1 ? "" : ` ${more}`}`,
  };
}

/** Scripts that may not wake the next waiter. */
export function publish({ facts }: ReachableNode): ReturnType<Rule> {
  if (facts.publishRefused === undefined) return null;
  return {
    severity: "warning",
    code: "publish",
    found: `it refuses PUBLISH in scripts: ${facts.publishRefused}`,
    advice:
      "No message wakes waiters, so they ask on a timer: the next grant takes up to half a second, and holders notice a forced release late. If the server has PUBLISH, allow the user +publish and the channels &<prefix>:*.",
  };
}

/** A service, or a server that is not Redis. */
export function managed({ facts }: ReachableNode): ReturnType<Rule> {
  const hides = facts.refused.some((text) => /^(CONFIG|INFO)\b(?!.*NOPERM)/.test(text));
  const found = facts.product ?? (hides ? "a managed server, or a proxy" : undefined);
  if (found === undefined) return null;
  return {
    severity: "note",
    code: "managed",
    found: `it is ${found}`,
    advice: "What works there and what is weaker: docs/managed-redis.md.",
  };
}

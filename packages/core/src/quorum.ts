import { QuorumBackend, type QuorumBackendOptions } from "./backends/quorum/quorum-backend.ts";
import type { RedisLockBackend } from "./backends/redis/redis-backend.ts";
import { RedisVoter } from "./backends/redis/voter.ts";
import type { NodeBackend, Voter, VotingBackend } from "./contract/backend.ts";
import { LockUsageError } from "./contract/errors.ts";
import { showForBackend } from "./contract/show.ts";

export type { QuorumBackend, QuorumBackendOptions } from "./backends/quorum/quorum-backend.ts";
export type { Voter, VotingBackend } from "./contract/backend.ts";

/** A backend of a single server, that can be one of the independent nodes of a quorum. */
export type QuorumNode = RedisLockBackend | VotingBackend;

/**
 * Grants leases by a majority of independent servers: at least 3, better 5, each a backend of its own
 * (`ioredisBackend`, `nodeRedisBackend`, mixed as you like). With fewer than half of them away, work goes on.
 * @example
 * import { createLocks } from "@lock/core";
 * import { ioredisBackend } from "@lock/core/ioredis";
 * import { quorumBackend } from "@lock/core/quorum";
 * import { Redis } from "ioredis";
 *
 * const nodes = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((host) => ioredisBackend(new Redis({ host })));
 * const locks = createLocks({ backend: quorumBackend(nodes) });
 * @throws LockUsageError
 */
export function quorumBackend(
  backends: readonly QuorumNode[],
  options?: QuorumBackendOptions,
): QuorumBackend {
  return new QuorumBackend(backends, findVoter, options);
}

/**
 * How a backend votes as a node of a quorum: for those who wrap one, such as to log its votes. The same for each call.
 * @example
 * const inner = voterOf(node);
 * const voter = { ...inner, vote: (request, fence) => logged(inner.vote(request, fence)) };
 */
export function voterOf(node: QuorumNode): Voter {
  const voter = findVoter(node);
  if (voter === undefined) throw new LockUsageError(`${showForBackend(node)} cannot be a node of a quorum`);
  return voter;
}

/** A server votes by one voter: it remembers what the server said of itself. */
const voters = new WeakMap<object, Voter>();

function findVoter(node: NodeBackend & Partial<QuorumNode>): Voter | undefined {
  const { voter, electable } = Object(node) as Partial<VotingBackend & RedisLockBackend>;
  if (voter !== undefined || electable === undefined) return voter;
  const known = voters.get(electable);
  if (known !== undefined) return known;
  const made = new RedisVoter(electable);
  voters.set(electable, made);
  return made;
}

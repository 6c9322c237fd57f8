import type { QuorumNode } from "./backend.ts";
import { QuorumBackend, type QuorumBackendOptions } from "./backends/quorum/quorum-backend.ts";

export type { QuorumNode } from "./backend.ts";
export type { QuorumBackend, QuorumBackendOptions } from "./backends/quorum/quorum-backend.ts";

/**
 * Grants leases by a majority of independent servers: at least 3, better 5, each a backend of its own
 * (`ioredisBackend`, `nodeRedisBackend`, mixed as you like). With fewer than half of them away, work goes on.
 * @throws LockUsageError
 */
export function quorumBackend(
  backends: readonly QuorumNode[],
  options?: QuorumBackendOptions,
): QuorumBackend {
  return new QuorumBackend(backends, options);
}

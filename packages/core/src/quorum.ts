import { QuorumBackend, type QuorumBackendOptions } from "./backends/quorum/quorum-backend.ts";
import type { QuorumNode } from "./contract/backend.ts";

export type { QuorumBackend, QuorumBackendOptions } from "./backends/quorum/quorum-backend.ts";
export type { QuorumNode } from "./contract/backend.ts";

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
  return new QuorumBackend(backends, options);
}

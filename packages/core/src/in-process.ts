import type { QuorumNode } from "./backend.ts";
import { InProcessBackend, type InProcessBackendOptions } from "./backends/in-process/in-process-backend.ts";

export type { InProcessBackendOptions } from "./backends/in-process/in-process-backend.ts";

/** Grants leases within this process: for tests, development, and services of a single process. */
export function inProcessBackend(options?: InProcessBackendOptions): QuorumNode {
  return new InProcessBackend(options);
}

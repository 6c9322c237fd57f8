import {
  InProcessBackend,
  type InProcessBackendOptions,
  type InProcessLockBackend,
} from "./backends/in-process/in-process-backend.ts";

export type {
  InProcessBackendOptions,
  InProcessLockBackend,
} from "./backends/in-process/in-process-backend.ts";

/**
 * Grants leases within this process: for tests, development, and services of a single process.
 * @example
 * import { createLocks } from "@lock/core";
 * import { inProcessBackend } from "@lock/core/in-process";
 *
 * const locks = createLocks({ backend: inProcessBackend() });
 */
export function inProcessBackend(options?: InProcessBackendOptions): InProcessLockBackend {
  return new InProcessBackend(options);
}

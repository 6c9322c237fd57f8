import type { LockMode } from "../contract/mode.ts";
import type { Lease } from "../lease/lease.ts";
import type { AcquireOptions } from "../lease/options.ts";
import { type Acquire, BoundLock, type Lockable } from "./lockable.ts";

/** Many readers, or one writer; first come, first served, so neither starves the other. */
export interface ReadWriteLock {
  /** Shared with all other readers. */
  readonly read: Lockable;
  /** Excludes readers and writers; the same lock as a plain `acquire` of the key. */
  readonly write: Lockable;
}

export function readWriteLock(
  acquire: (mode: LockMode, ...rest: Parameters<Acquire<Lease, AcquireOptions>>) => Promise<Lease>,
): ReadWriteLock {
  const bound = (kind: "shared" | "exclusive"): Lockable =>
    new BoundLock((...rest) => acquire({ kind }, ...rest));
  return { read: bound("shared"), write: bound("exclusive") };
}

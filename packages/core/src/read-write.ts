import type { Keys } from "./key.ts";
import type { Lease } from "./lease.ts";
import { BoundLock, type Lockable, type Target } from "./lockable.ts";
import type { AcquireOptions } from "./options.ts";

/** Many readers, or one writer; first come, first served, so neither starves the other. */
export interface ReadWriteLock {
  /** Shared with all other readers. */
  readonly read: Lockable;
  /** Excludes readers and writers; the same lock as a plain `acquire` of the key. */
  readonly write: Lockable;
}

export function readWriteLock(
  keys: Keys,
  acquire: (
    target: Target,
    options: AcquireOptions | undefined,
    defaultWait: 0 | undefined,
  ) => Promise<Lease>,
): ReadWriteLock {
  const bound = (kind: "shared" | "exclusive") =>
    new BoundLock<Lease, AcquireOptions>((options, defaultWait) =>
      acquire({ keys, mode: { kind } }, options, defaultWait),
    );
  return { read: bound("shared"), write: bound("exclusive") };
}

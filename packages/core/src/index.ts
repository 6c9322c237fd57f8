export type {
  HolderState,
  LockBackend,
  LockState,
  WaiterState,
} from "./backend.ts";
export {
  isLockError,
  LockBackendError,
  LockError,
  type LockErrorCode,
  LockLostError,
  LockTimeoutError,
  LockUsageError,
  type LostReason,
  QuorumError,
  type QuorumVote,
  type SeenHolder,
} from "./errors.ts";
export type { LockEventName, LockEvents, LockListener } from "./events.ts";
export type { Lease } from "./lease.ts";
export { createLocks, type Lockable, type Locks, type LocksOptions } from "./locks.ts";
export type { AcquireOptions, Wait } from "./options.ts";

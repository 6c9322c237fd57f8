export type {
  HolderState,
  LockBackend,
  LockMode,
  LockState,
  RetryPolicy,
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
export type { Lease, PoolLease, ReleaseResult } from "./lease.ts";
export type { Lockable } from "./lockable.ts";
export {
  createLocks,
  type Locks,
  type LocksOn,
  type LocksOptions,
  type LocksWithoutPermits,
} from "./locks.ts";
export type { AcquireOptions, Wait } from "./options.ts";
export type { Pool, PoolAcquireOptions, PoolSlot } from "./pool.ts";
export type { ReadWriteLock } from "./read-write.ts";
export type { LeaseTicket } from "./ticket.ts";

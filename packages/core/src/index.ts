export type { Lockable } from "./api/lockable.ts";
export { createLocks } from "./api/locks.ts";
export type { Locks, LocksOn, LocksWithoutPermits } from "./api/locks-api.ts";
export type { LocksOptions } from "./api/locks-options.ts";
export type { Pool, PoolAcquireOptions, PoolSlot } from "./api/pool.ts";
export type { ReadWriteLock } from "./api/read-write.ts";
export type { HolderState, LockState, WaiterState } from "./contract/admin.ts";
export type { LockBackend, RetryPolicy } from "./contract/backend.ts";
export {
  isLockError,
  LockBackendError,
  LockError,
  type LockErrorCode,
  LockLostError,
  LockOverloadedError,
  LockTimeoutError,
  LockUsageError,
  type LostReason,
  QuorumError,
  type QuorumVote,
  type SeenHolder,
} from "./contract/errors.ts";
export type { LockMode } from "./contract/mode.ts";
export type { EventSubject, LockEventName, LockEvents, LockListener } from "./lease/events.ts";
export type { Lease, PoolLease, ReleaseResult } from "./lease/lease.ts";
export type { AcquireOptions, Wait } from "./lease/options.ts";
export type { LeaseTicket, TicketContext, TicketOptions } from "./lease/ticket.ts";

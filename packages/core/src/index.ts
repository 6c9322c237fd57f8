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
export type { EventSubject, LockEventName, LockEvents, LockListener } from "./events.ts";
export type { Lease, PoolLease, ReleaseResult } from "./lease.ts";
export type { Lockable } from "./lockable.ts";
export { createLocks } from "./locks.ts";
export type { Locks, LocksOn, LocksWithoutPermits } from "./locks-api.ts";
export type { LocksOptions } from "./locks-options.ts";
export type { AcquireOptions, Wait } from "./options.ts";
export type { Pool, PoolAcquireOptions, PoolSlot } from "./pool.ts";
export type { ReadWriteLock } from "./read-write.ts";
export type { LeaseTicket, TicketContext, TicketOptions } from "./ticket.ts";

import { type Lease, type Locks, LockUsageError } from "@lock/core";
import { checkOptions } from "@lock/core/adapter";
import { sessionKey } from "../session-key.ts";

/** What Mastra's harness wants as `threadLock`. */
export interface MastraThreadLock {
  /** @throws LockTimeoutError when another process, or this one, has the thread */
  acquire(threadId: string): Promise<void>;
  release(threadId: string): Promise<void>;
}

/** Options of `mastraThreadLock`. */
export interface MastraThreadLockOptions {
  /** Made by `createLocks`. */
  readonly locks: Pick<Locks, "acquire">;
  /** How long the server keeps a thread whose process has died; milliseconds. Default 30,000. */
  readonly ttl?: number;
  /** Told when a thread was lost: Mastra has no way to hear of it. Default: a process warning. */
  readonly onLost?: (threadId: string, error: Error) => void;
}

const DEFAULT_TTL = 30_000;

/**
 * Keeps a thread of Mastra to one process, from when it is selected until another one is. The same lock as the turns of
 * the session with that id.
 * @throws LockUsageError
 */
export function mastraThreadLock(options: MastraThreadLockOptions): MastraThreadLock {
  const allowed = {
    locks: ["what createLocks returns"],
    ttl: ["a whole number from 1"],
    onLost: ["a function"],
  };
  checkOptions("mastraThreadLock", options, allowed, ["locks"]);
  const { locks, ttl = DEFAULT_TTL, onLost = warn } = options;
  const leases = new Map<string, Lease>();
  return {
    acquire: async (threadId) => {
      const key = sessionKey(threadId);
      const lease = await locks.acquire(key, { wait: 0, ttl, onLost: (error) => onLost(threadId, error) });
      leases.set(threadId, lease);
    },
    release: async (threadId) => {
      const lease = leases.get(threadId);
      if (lease === undefined) {
        throw new LockUsageError(
          `mastraThreadLock: the thread ${JSON.stringify(threadId)} is not held by this process`,
        );
      }
      leases.delete(threadId);
      await lease.release();
    },
  };
}

function warn(threadId: string, error: Error): void {
  process.emitWarning(`the thread ${JSON.stringify(threadId)} was lost: ${error.message}`, "LockWarning");
}

import type { LockBackend } from "../contract/backend.ts";
import { LockUsageError } from "../contract/errors.ts";
import { tell } from "../lease/events.ts";

/**
 * Short texts between the processes that share a prefix, such as "whoever holds this is to stop". A notice may be lost,
 * late, told twice or forged: it may save time, and nothing may depend on it.
 */
export interface Notices {
  /** Tells all who hear notices, this process included. @throws LockBackendError */
  send(notice: string): Promise<void>;
  /**
   * Hears notices until the returned function is called. Resolves when they come in, also where they cannot: a process
   * warning then tells why. The first in a process opens the connection on which waiters are told to ask, too.
   */
  hear(listener: (notice: string) => void): Promise<() => void>;
}

export class BackendNotices implements Notices {
  readonly #backend: LockBackend;
  readonly #prefix: string;

  constructor(backend: LockBackend, prefix: string) {
    this.#backend = backend;
    this.#prefix = prefix;
  }

  send(notice: string): Promise<void> {
    return this.#backend.notify(this.#prefix, notice);
  }

  hear(listener: (notice: string) => void): Promise<() => void> {
    return this.#backend.hearNotices(this.#prefix, (notice) => tell(listener, notice));
  }
}

/**
 * The notices of the locks that `createLocks` returned.
 * @throws LockUsageError for anything else
 */
export function noticesOf(locks: object): Notices {
  // By its shape: a program may have this package twice, as ESM and as CommonJS.
  const { notices } = locks as { readonly notices?: Notices };
  if (notices !== undefined) return notices;
  throw new LockUsageError("locks must be what createLocks returned, not a wrapper of it");
}

import type { LockBackend } from "../contract/backend.ts";
import { LockUsageError } from "../contract/errors.ts";
import { tell } from "../lease/events.ts";

/**
 * Short texts between the processes that share a prefix, such as "whoever holds this is to stop". A message may be lost,
 * late, told twice or forged: it may save time, and nothing may depend on it.
 */
export interface LockMessages {
  /** Tells all who hear messages, this process included. @throws LockBackendError */
  send(message: string): Promise<void>;
  /**
   * Hears messages until the returned function is called. Resolves when they come in, also where they cannot: a process
   * warning then tells why. The first in a process opens the connection on which waiters are told to ask, too.
   */
  hear(listener: (message: string) => void): Promise<() => void>;
}

export class BackendMessages implements LockMessages {
  readonly #backend: LockBackend;
  readonly #prefix: string;

  constructor(backend: LockBackend, prefix: string) {
    this.#backend = backend;
    this.#prefix = prefix;
  }

  async send(message: string): Promise<void> {
    await this.#backend.messages?.tell(this.#prefix, message);
  }

  async hear(listener: (message: string) => void): Promise<() => void> {
    const stop = await this.#backend.messages?.hear(this.#prefix, (message) => tell(listener, message));
    return stop ?? (() => undefined);
  }
}

/**
 * The messages of the locks that `createLocks` returned.
 * @throws LockUsageError for anything else
 */
export function messagesOf(locks: object): LockMessages {
  // By its shape: a program may have this package twice, as ESM and as CommonJS.
  const { messages } = locks as { readonly messages?: LockMessages };
  if (messages !== undefined) return messages;
  throw new LockUsageError("locks must be what createLocks returned, not a wrapper of it");
}

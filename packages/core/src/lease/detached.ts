import type { AcquireRequest, LockBackend } from "../contract/backend.ts";
import { asBackendError, LockUsageError } from "../contract/errors.ts";
import { newOwnerToken } from "../contract/host.ts";
import { checkKey } from "../contract/key.ts";
import { checkAcquireOptions } from "./options.ts";

/** How a lease is taken that nobody will keep. */
export interface DetachedOptions {
  /** Milliseconds. */
  readonly ttl: number;
  readonly meta?: Readonly<Record<string, string>>;
}

/**
 * Exclusive leases that no process keeps: they are not renewed, not believed and not released by `close`, and no event
 * tells of them. Such a lease is its owner token: whoever knows that can prolong or end it, also in another process.
 */
export interface DetachedLeases {
  /** The longest ttl that `take` accepts, ms. */
  readonly maxTtl: number;
  /** An owner token for a lease to come: a random text of 22 letters, digits, "-" and "_". */
  newToken(): string;
  /**
   * One attempt; false when the key is held by somebody else, or waited for.
   * @throws LockUsageError; LockBackendError: the lease may have been taken all the same, and is then given back
   */
  take(key: string, token: string, options: DetachedOptions): Promise<boolean>;
  /** Prolongs it to at least `ttl` milliseconds from now; false when it has ended. @throws LockBackendError */
  extend(key: string, token: string, ttl: number): Promise<boolean>;
  /** Ends it; false when it has ended already. @throws LockBackendError */
  release(key: string, token: string): Promise<boolean>;
}

/** What they need of the `locks` that they belong to. */
export interface DetachedContext {
  readonly backend: LockBackend;
  readonly prefix: string;
  readonly holder: string;
  readonly maxTtl: number;
  /** @throws LockUsageError when the locks are closed */
  assertOpen(): void;
  /** Makes sure, in the background, that a request is never granted. */
  cancel(request: AcquireRequest): void;
}

export class BackendDetachedLeases implements DetachedLeases {
  readonly #context: DetachedContext;

  constructor(context: DetachedContext) {
    this.#context = context;
  }

  get maxTtl(): number {
    return this.#context.maxTtl;
  }

  newToken(): string {
    return newOwnerToken();
  }

  async take(key: string, token: string, options: DetachedOptions): Promise<boolean> {
    checkKey(key);
    checkAcquireOptions(options, this.#context.maxTtl);
    const request = this.#lease(key, token, options);
    try {
      return (await this.#context.backend.tryAcquire(request)).status === "granted";
    } catch (fault) {
      const error = asBackendError(fault, key);
      if (error.ambiguous) this.#context.cancel(request);
      throw error;
    }
  }

  async extend(key: string, token: string, ttl: number): Promise<boolean> {
    const outcome = await this.#context.backend.extend(this.#lease(key, token, { ttl }), ttl);
    return outcome.status === "renewed";
  }

  async release(key: string, token: string): Promise<boolean> {
    return (await this.#context.backend.release(this.#lease(key, token, { ttl: 1 }))) === "released";
  }

  #lease(key: string, token: string, { ttl, meta }: DetachedOptions): AcquireRequest {
    this.#context.assertOpen();
    const { prefix, holder } = this.#context;
    const mode = { kind: "exclusive" } as const;
    return { prefix, keys: [key], mode, token, ttl, holder, meta, queue: false };
  }
}

/**
 * The detached leases of the locks that `createLocks` returned; they meet all other locks of the same keys.
 * @throws LockUsageError for anything else
 */
export function detachedLeases(locks: object): DetachedLeases {
  // By its shape: a program may have this package twice, as ESM and as CommonJS.
  const { detached } = locks as { readonly detached?: DetachedLeases };
  if (detached !== undefined) return detached;
  throw new LockUsageError("locks must be what createLocks returned, not a wrapper of it");
}

import { LockUsageError } from "./errors.ts";
import type { LockMode, LockName } from "./mode.ts";

/** One who holds a key. */
export interface HolderState {
  /** The first 8 characters of the owner token: enough to name it, not enough to act for it. */
  readonly token: string;
  /** `LocksOptions.holder` of the process; undefined when a program other than this library holds the key. */
  readonly holder: string | undefined;
  readonly fencingToken: number | undefined;
  /** When it was granted, by the server's clock. */
  readonly since: Date | undefined;
  /** Milliseconds left unless it is extended; undefined when it has no end. */
  readonly remaining: number | undefined;
  /** The slot of a pool that is held. */
  readonly slot: number | undefined;
  readonly meta: Readonly<Record<string, string>>;
}

/** One who waits for a key, or several of one process. */
export interface WaiterState {
  /** The first 8 characters of the owner token. */
  readonly token: string;
  readonly mode: LockMode["kind"];
  /** The slot of a pool that is wanted. */
  readonly slot: number | "any" | undefined;
  readonly holder: string | undefined;
  /** Of several that wait together, what the first one named. */
  readonly meta: Readonly<Record<string, string>>;
  /** How many of one process wait together, which came at about the same time. */
  readonly count: number;
}

/** What is known of a key that is held or waited for. */
export interface LockState {
  readonly key: string;
  /** How it is held, or, where nobody holds it, how the first waiter wants it. */
  readonly mode: LockMode["kind"];
  /** How many may hold it at once: the smallest number that was asked for since it was free. */
  readonly permits: number | undefined;
  /** In the order in which they were granted; the first 1000. Empty where all wait for another key as well. */
  readonly holders: readonly HolderState[];
  /** How many hold it in all. */
  readonly holding: number;
  /** In the order in which they came; the first 100 entries. */
  readonly waiters: readonly WaiterState[];
  /** How many wait in all. */
  readonly waiting: number;
}

/** A server behind a backend, as `checkHealth` examines it. */
export interface BackendNode {
  /** Its address, else the backend's name; without credentials. */
  readonly name: string;
  /**
   * Runs a plain Redis command on it, and rejects as the client does, or as `LockBackendError` after the backend's
   * `requestTimeout`. Undefined where there is no Redis server.
   */
  readonly command: ((words: readonly [string, ...string[]]) => Promise<unknown>) | undefined;
}

/** What operators can do with the locks of a backend. */
export interface Admin {
  /**
   * Takes the key from whoever holds it and hands it to who comes next. With `token` (the whole token, or the
   * first characters that `inspect` shows) only from that owner. Whether it did.
   */
  forceRelease(name: LockName, token: string | undefined): Promise<boolean>;

  /** Who holds the key and who waits; null when nobody does. */
  inspect(name: LockName): Promise<LockState | null>;

  /** The keys of this prefix that are held, in no order. A key may be told twice while the set changes. */
  list(prefix: string): AsyncIterable<LockState>;

  /** The servers behind it: one; or, of a quorum, all that have a vote. */
  nodes(): readonly BackendNode[];
}

/** @throws LockUsageError where the backend has none */
export function adminOf({
  name,
  admin,
}: {
  readonly name: string;
  readonly admin?: Admin | undefined;
}): Admin {
  if (admin !== undefined) return admin;
  throw new LockUsageError(`the backend ${name} has no admin: it cannot inspect, list or free locks`);
}

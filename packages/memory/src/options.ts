import type { Locks, Wait } from "@lock/core";
import type { AllowedOptions } from "@lock/core/adapter";

/** What `createLocks` returns, as far as memories need it. */
export type MemoryLocks = Pick<Locks, "acquire" | "readWrite" | "inspect" | "on">;

/**
 * What becomes of a turn whose session has one already: it waits in line; it is refused at once (LockTimeoutError); or it
 * interrupts that one and takes over.
 */
export type OnConcurrentTurn = "enqueue" | "reject" | "interrupt";

/** A call of a method, from which the session can be told. */
export interface MemoryCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** Whose conversation it is. Null: the call looks at more than one, and takes no lock; a write may not. */
export type SessionId = string | ((call: MemoryCall) => string | null | Promise<string | null>);

/** A write that is about to be made. */
export interface MemoryWrite extends MemoryCall {
  readonly sessionId: string;
  /** Grows with every turn of the session: let the store refuse a smaller one than it has seen. */
  readonly fencingToken: number;
  /** Of the turn that it belongs to. */
  readonly signal: AbortSignal;
}

/** A save that was refused since its turn was over: nothing was stored. */
export interface LateSave extends MemoryCall {
  readonly sessionId: string;
}

/** What the methods of an object do. A method that is in no list is what `unlisted` says. */
export interface MethodTable {
  /** Methods that only look: they share the session with each other. */
  readonly read?: readonly string[];
  /** Methods that change the conversation: they have the session for themselves. */
  readonly write?: readonly string[];
  /** Methods that have nothing to do with a conversation: they are called as they are. */
  readonly none?: readonly string[];
  /** Methods that return an async iterable at once, not a promise. They only look; all is read at the first step. */
  readonly iterate?: readonly string[];
}

/** How turns are held. Durations are milliseconds. */
export interface TurnDefaults {
  /** Default "enqueue". */
  readonly onConcurrentTurn?: OnConcurrentTurn;
  /** How long turns and calls wait for a busy session, or "forever". Default 5,000. */
  readonly wait?: Wait;
  /** How long the server keeps a turn whose process has died. Default 30,000; it is renewed while the turn lasts. */
  readonly ttl?: number;
  /** A turn is lost after this, whatever it still does, or never ("forever"). Default 600,000. */
  readonly maxTurn?: number | "forever";
  /** The turn of a stream that nobody reads ends after this. Default 60,000. */
  readonly streamIdle?: number;
  /**
   * Whether turns can be interrupted by others. Default: when `onConcurrentTurn` is "interrupt". It takes one more
   * connection to Redis, the one that waiting takes anyway.
   */
  readonly interruptible?: boolean;
  /** How long an interrupted turn may still save what it has. Default 1,000. */
  readonly interruptGrace?: number;
}

/** Options of `lockMemory`, but for what the methods do. */
export interface MemoryOptions extends TurnDefaults {
  /** Made by `createLocks`. */
  readonly locks: MemoryLocks;
  /** Whose conversation it is, or a function of the call that tells. There is no default: it never is everybody's. */
  readonly sessionId: SessionId;
  /**
   * Whether reads outside a turn take no lock: they wait for nobody, and may see a turn that is half saved. Default
   * false. Lists are always copied, but not what is in them: what a store adds later does not show in what was read.
   */
  readonly snapshotReads?: boolean;
  /** Called before each write, which waits for it: to pass the fencing token on. What it throws, the write throws. */
  readonly onWrite?: (write: MemoryWrite) => void | Promise<void>;
  /**
   * Told each write that came after its turn and was refused with TURN_ENDED, which SDKs swallow. Default: a process
   * warning, once (LOCK_MEMORY_LATE_SAVE). What it throws, the write throws.
   */
  readonly onLateSave?: (save: LateSave) => void;
  /**
   * What a method is that is in no list. Default "throw" (LockUsageError, when it is called); in the presets "none".
   */
  readonly unlisted?: "read" | "write" | "none" | "throw";
}

/** Options of `lockMemory`. */
export interface LockMemoryOptions extends MemoryOptions {
  /** What the methods do. Default: loadMemoryVariables reads; saveContext and clear write; and those of `redisMemory`. */
  readonly methods?: MethodTable;
}

/** Options of one turn; each falls back to the one of the memory. */
export interface TurnOptions extends TurnDefaults {
  /** Needed where the memory's own is a function of the call. */
  readonly sessionId?: string;
  /** Cancels the wait for the session: `withTurn` rejects with its reason. */
  readonly signal?: AbortSignal;
}

const FLAG = "true or false";
const COUNT = "a whole number from 1";
const FUNCTION = "a function";

const TURN_ALLOWED = {
  onConcurrentTurn: ["enqueue", "reject", "interrupt"],
  wait: ["a whole number from 0", "forever"],
  ttl: [COUNT],
  maxTurn: [COUNT, "forever"],
  streamIdle: [COUNT],
  interruptible: [FLAG],
  interruptGrace: ["a whole number from 0"],
} satisfies AllowedOptions;

export const MEMORY_ALLOWED: AllowedOptions = {
  ...TURN_ALLOWED,
  locks: ["what createLocks returns"],
  sessionId: ["a string", FUNCTION],
  snapshotReads: [FLAG],
  onWrite: [FUNCTION],
  onLateSave: [FUNCTION],
  unlisted: ["read", "write", "none", "throw"],
  methods: ["an object"],
};

export const WITH_TURN_ALLOWED: AllowedOptions = {
  ...TURN_ALLOWED,
  sessionId: ["a string"],
  signal: ["an object"],
};

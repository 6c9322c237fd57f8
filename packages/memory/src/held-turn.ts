import { type Lease, LockUsageError } from "@lock/core";
import { LazyAbort } from "@lock/core/adapter";
import { TurnEndedError } from "./errors.ts";
import { Frames, type Operation } from "./frames.ts";
import type { MemoryLocks } from "./options.ts";

/** What a turn's work is given. */
export interface Turn {
  readonly sessionId: string;
  /** Of the lease: grows with every turn of the session. */
  readonly fencingToken: number;
  /** Aborts when the turn is lost, interrupted or abandoned: pass it to the model. */
  readonly signal: AbortSignal;
  /** @throws what the turn ended with: LockLostError, TurnInterruptedError, TurnEndedError */
  assertHeld(): void;
}

/** What a turn is of. */
export interface TurnSubject {
  readonly locks: MemoryLocks;
  readonly key: string;
  readonly sessionId: string;
  /** Whether it is one call without a turn around it. */
  readonly isBare: boolean;
  /** Whether others may hold the session at the same time: it must not write. */
  readonly isShared: boolean;
}

/** The turns in which code runs. */
export const frames = new Frames<HeldTurn>();

/**
 * A lease for as long as one turn, or one call outside of any: the only place that decides when a call may reach the
 * store, and when the lease is released.
 */
export class HeldTurn implements Turn {
  readonly #abort = new LazyAbort();
  readonly #operations = new Set<Promise<unknown>>();
  /** The last write that was begun. */
  #lastWrite: Promise<unknown> = Promise.resolve();
  #ended: Error | undefined;
  #ending: Promise<void> | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #onEnd: (() => void)[] = [];
  /** Why a call was refused: even if the work swallows it, as frameworks do, the turn is no success. */
  refused: Error | undefined;

  constructor(
    readonly subject: TurnSubject,
    private readonly lease: Lease,
  ) {}

  get sessionId(): string {
    return this.subject.sessionId;
  }

  get fencingToken(): number {
    return this.lease.fencingToken;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  assertHeld(): void {
    if (this.#ended !== undefined) throw this.#ended;
    this.lease.assertHeld();
  }

  /** Before a write reaches the store. @throws LockLostError */
  assertMayWrite(): void {
    this.#assertMay("write", true);
  }

  /** Whether it holds the lease whose owner token begins so. */
  isHeldBy(token: string): boolean {
    return this.lease.token.startsWith(token);
  }

  /** Calls back when it has ended, in whatever way. */
  onEnd(callback: () => void): void {
    this.#onEnd.push(callback);
  }

  /** Runs the work of the turn: what it calls finds the turn. */
  enter<T>(work: () => T): T {
    return frames.run(this, undefined, work);
  }

  /**
   * Runs one call to the store. Writes wait for each other, and reads for the writes before them: a `Promise.all` within
   * a turn must not mix them up. `within` is the write that it was called by, if any.
   */
  operate<T>(kind: "read" | "write", within: Operation | undefined, work: () => T | Promise<T>): Promise<T> {
    // That write waits for it: it must not wait for that in turn.
    const isInner = within?.isDone === false;
    const before = isInner ? undefined : this.#lastWrite;
    const operating = this.#operate(kind, { before, isInner }, work);
    const settled = operating.catch(() => undefined);
    this.#operations.add(settled);
    settled.then(() => this.#operations.delete(settled));
    if (kind === "write" && !isInner) this.#lastWrite = settled;
    return operating;
  }

  /** The lease may not be believed any more. */
  lose(error: Error): void {
    this.#abort.abort(error);
  }

  /** Asks the work to stop; it may still save what it has, for `grace` milliseconds. */
  stop(error: Error, grace: number): void {
    if (this.hasEnded || this.#abort.aborted) return;
    this.#abort.abort(error);
    this.#graceTimer = setTimeout(() => void this.end(error), grace);
    this.#graceTimer.unref();
  }

  /** Lets nothing more reach the store, waits for what is under way, and releases. Never rejects; once only. */
  end(error: Error = new TurnEndedError(this.sessionId)): Promise<void> {
    this.#ending ??= this.#end(error);
    return this.#ending;
  }

  async #end(error: Error): Promise<void> {
    this.#ended = error;
    clearTimeout(this.#graceTimer);
    for (const callback of this.#onEnd) callback();
    // What began in time ends under the lease; when that is lost, there is nothing left to hold.
    if (this.#operations.size > 0) await Promise.race([Promise.all(this.#operations), this.#lost()]);
    await this.lease[Symbol.asyncDispose]();
  }

  #lost(): Promise<void> {
    const { signal } = this.lease;
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  async #operate<T>(
    kind: "read" | "write",
    { before, isInner }: { readonly before: Promise<unknown> | undefined; readonly isInner: boolean },
    work: () => T | Promise<T>,
  ): Promise<T> {
    this.#assertMay(kind, isInner);
    await before;
    // It was called in time: only a lost lease stands between it and the store by now.
    this.#assertMay(kind, true);
    const operation: Operation = { isDone: false };
    try {
      return await frames.run(this, kind === "write" ? operation : undefined, work);
    } finally {
      operation.isDone = true;
    }
  }

  /** @throws what the turn ended with */
  #assertMay(kind: "read" | "write", isInTime: boolean): void {
    try {
      if (this.#ended !== undefined && !isInTime) throw this.#ended;
      this.lease.assertHeld();
    } catch (error) {
      if (error instanceof Error) this.refused ??= error;
      throw error;
    }
    if (kind === "read" || !this.subject.isShared) return;
    const session = JSON.stringify(this.sessionId);
    throw new LockUsageError(
      `a read of the session ${session} called a write: hold a turn around both (withTurn)`,
    );
  }
}

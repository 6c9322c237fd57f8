import { once } from "node:events";
import { inspect } from "node:util";
import type { Lease } from "@lock/core";
import { LazyAbort, systemClock, type Timer, withoutSecrets } from "@lock/core/adapter";
import { LockUsageError, TurnEndedError } from "./errors.ts";
import { Frames, Scope } from "./frames.ts";
import type { MemoryLocks } from "./options.ts";
import { tell } from "./told.ts";

/** What a turn's work is given. */
export interface Turn {
  readonly sessionId: string;
  /** Of the lease: grows with every turn of the session. */
  readonly fencingToken: number;
  /** Aborts when the turn is lost, interrupted or abandoned: pass it to the model. */
  readonly signal: AbortSignal;
  /** @throws what the turn ended with: LockLostError, TurnInterruptedError, TurnEndedError */
  assertHeld(): void;
  /**
   * Keeps the turn until this has settled as well, such as a save that goes on when a client has left. If it rejects,
   * the turn rejects; if a stream holds the turn, a process warning tells it. @throws what the turn ended with
   */
  waitUntil(work: PromiseLike<unknown>): void;
}

/** What a turn is of. */
export interface TurnSubject {
  readonly locks: MemoryLocks;
  readonly key: string;
  readonly sessionId: string;
  /** Whether it is one call without a turn around it. */
  readonly isBare?: boolean;
  /** Whether others may hold the session at the same time: it must not write. */
  readonly isShared: boolean;
}

/** What a preset does before a turn is released, or when it is known to be lost. */
export type AtEnd = (turn: HeldTurn, isLost: boolean) => Promise<void>;

/** The turns in which code runs. */
export const frames = new Frames<HeldTurn>();

/**
 * A lease for as long as one turn, or one call outside of any: the only place that decides when a call may reach the
 * store, and when the lease is released.
 */
export class HeldTurn implements Turn {
  readonly #abort = new LazyAbort();
  readonly #calls = new Scope(false);
  #onEnd: (() => void) | undefined;
  #ended: Error | undefined;
  #ending: Promise<void> | undefined;
  #graceTimer: Timer | undefined;
  readonly #lease: Lease;
  readonly #awaited = new Set<PromiseLike<unknown>>();
  /** Why a call was refused: even if the work swallows it, as frameworks do, the turn is no success. */
  refused: unknown;
  /** What its work threw. */
  failure: unknown;
  /** Its stream was left before it was done. */
  isLeft = false;
  /** Its result has something unfinished inside, and ends it. */
  isHeld = false;

  readonly #atEnd: AtEnd | undefined;

  constructor(
    readonly subject: TurnSubject,
    lease: Lease,
    atEnd?: AtEnd,
  ) {
    this.#lease = lease;
    this.#atEnd = atEnd;
  }

  get sessionId(): string {
    return this.subject.sessionId;
  }

  get fencingToken(): number {
    return this.#lease.fencingToken;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  assertHeld(): void {
    if (this.#ended !== undefined) throw this.#ended;
    this.#lease.assertHeld();
  }

  /** Of the lease, for those who want to interrupt it. */
  get token(): string {
    return this.#lease.token;
  }

  /** What logs and JSON show: not the locks, nor what they were made of. */
  toJSON() {
    const { sessionId, fencingToken, hasEnded } = this;
    return { sessionId, fencingToken, hasEnded };
  }

  [inspect.custom]() {
    return this.toJSON();
  }

  /** Calls back when it ends. */
  onEnd(callback: () => void): void {
    this.#onEnd = callback;
  }

  /** Whether it lasts for something beside its work. */
  get isAwaited(): boolean {
    return this.#awaited.size > 0;
  }

  readonly waitUntil = (work: PromiseLike<unknown>): void => {
    this.assertHeld();
    this.#awaited.add(work);
    // Its failure is told at the end.
    work.then(undefined, () => undefined);
  };

  /** Ends it when all that it waits for has settled. */
  async finish(): Promise<void> {
    for (const work of this.#awaited) {
      await work.then(undefined, (error) => {
        // A stream that holds the turn may have been read to its end.
        if (this.isHeld) process.emitWarning(withoutSecrets(error));
        else this.refused ??= error;
      });
    }
    await this.end();
  }

  /** Runs the work of the turn: what it calls finds the turn. */
  enter<T>(work: () => T): T {
    return frames.run(this, this.#calls, work);
  }

  /** Runs a turn within it: the same turn. */
  join<T>(work: (turn: Turn) => T): T {
    this.#assertMay(true);
    return work(this);
  }

  /**
   * Runs one call to the store. Writes wait for each other, and reads for the writes before them: a `Promise.all` within
   * a turn must not mix them up. `within` is the write that it was called by, if any: that waits for it, so it must not
   * wait for that.
   */
  operate<T>(isWrite: boolean, within: Scope = this.#calls, work: () => T | Promise<T>): Promise<T> {
    const operating = this.#operate(isWrite, within, work);
    within.add(operating, isWrite);
    return operating;
  }

  /** Before a call reaches the store. @throws LockLostError */
  assertLease(): void {
    try {
      this.#lease.assertHeld();
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** The lease may not be believed any more. */
  lose(error: Error): void {
    this.#abort.abort(error);
  }

  /** Asks the work to stop; it may still save what it has, for `grace` milliseconds. */
  stop(error: Error, grace: number): void {
    if (this.hasEnded || this.#abort.aborted) return;
    this.#abort.abort(error);
    this.#graceTimer = systemClock.setTimer(() => void this.end(error), grace);
  }

  /** Lets nothing more reach the store, waits for what is under way, and releases. Never rejects; once only. */
  end(error: Error = new TurnEndedError(this.sessionId)): Promise<void> {
    this.#ending ??= this.#end(error);
    return this.#ending;
  }

  async #end(error: Error): Promise<void> {
    this.#ended = error;
    this.#graceTimer?.cancel();
    this.#onEnd?.();
    const { signal } = this.#lease;
    // What began in time ends under the lease; when that is lost, there is nothing left to hold.
    if (this.#calls.isBusy && !signal.aborted) {
      await Promise.race([this.#calls.settle(), once(signal, "abort")]);
    }
    await this.#atEnd?.(this, signal.aborted);
    await this.#lease[Symbol.asyncDispose]();
    if (!this.subject.isBare)
      tell(() => ({ event: "turn", turn: this, error: this.#abort.reason ?? this.failure ?? this.refused }));
  }

  async #operate<T>(isWrite: boolean, within: Scope, work: () => T | Promise<T>): Promise<T> {
    // What a write calls is part of it, and so in time.
    if (this.#ended !== undefined && !within.isOfWrite) this.#refuse(this.#ended);
    this.#assertMay(isWrite);
    await within.lastWrite;
    this.assertLease();
    const scope = isWrite ? new Scope(true) : within;
    try {
      return await frames.run(this, scope, work);
    } catch (error) {
      // The store knew better: somebody newer has written.
      if (Object(error).code === "STALE_WRITE") this.#refuse(error);
      throw error;
    } finally {
      if (isWrite) {
        do await scope.settle();
        while (scope.isBusy);
        scope.isOver = true;
      }
    }
  }

  #refuse(error: unknown): never {
    // Who comes when all is settled fails alone.
    if (error instanceof Error && !(error instanceof TurnEndedError)) this.refused ??= error;
    throw error;
  }

  #assertMay(isWrite: boolean): void {
    this.assertLease();
    if (!isWrite || !this.subject.isShared) return;
    throw new LockUsageError(
      `a read of the session ${JSON.stringify(this.sessionId)} called a write, or began a turn: hold a turn around both`,
    );
  }
}

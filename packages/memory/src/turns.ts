import type { Lease } from "@lock/core";
import { checkOptions, show } from "@lock/core/adapter";
import { LockUsageError } from "./errors.ts";
import type { Frame } from "./frames.ts";
import { holdResult } from "./held-result.ts";
import { type AtEnd, frames, HeldTurn, type Turn, type TurnSubject } from "./held-turn.ts";
import { acquireInterrupting, hearInterrupts } from "./interrupts.ts";
import {
  type MemoryCall,
  type MemoryOptions,
  type TurnDefaults,
  type TurnOptions,
  WITH_TURN_ALLOWED,
} from "./options.ts";
import { sessionKey } from "./session-key.ts";
import { tell } from "./told.ts";
import { warnOnce } from "./warnings.ts";

const DEFAULT_WAIT = 5_000;
const DEFAULT_TTL = 30_000;
const DEFAULT_MAX_TURN = 600_000;
const DEFAULT_STREAM_IDLE = 60_000;
const DEFAULT_GRACE = 1_000;

const warnOfLateSave = () =>
  warnOnce("LOCK_MEMORY_LATE_SAVE", "a save came after its turn and was not stored");

/** A single call waits in line, and is soon over. */
const BARE = { onConcurrentTurn: "enqueue", interruptible: false } as const;

/** The turns of a memory, and its calls outside of any. */
export class Turns {
  readonly #options: MemoryOptions;
  readonly #atEnd: AtEnd | undefined;

  constructor(options: MemoryOptions, atEnd?: AtEnd) {
    this.#options = options;
    this.#atEnd = atEnd;
  }

  /** Holds a whole turn around `fn`; within a turn of the session it is part of that. */
  async withTurn<T>(fn: (turn: Turn) => T | Promise<T>, options: TurnOptions = {}): Promise<T> {
    checkOptions("withTurn", options, WITH_TURN_ALLOWED, []);
    if (typeof fn !== "function") throw new LockUsageError(`withTurn needs a function, got ${show(fn)}`);
    const subject = this.#subject(this.#sessionOf(options), false);
    options.signal?.throwIfAborted();
    const frame = frames.find(({ turn }) => isOf(turn, subject));
    // What a write calls that was made in time is still part of its turn.
    if (frame !== undefined && (frame.scope.isOfWrite || !frame.turn.hasEnded)) return frame.turn.join(fn);
    const terms = { ...this.#options, ...defined(options) };
    const turn = await this.#begin(subject, terms, options.signal);
    return this.#hold(turn, terms, () => fn(turn));
  }

  /** A call that only looks. */
  async read<T>(call: MemoryCall, work: () => T | Promise<T>): Promise<T> {
    const isOfOldTurn = frames.isEventAfterTurn();
    const session = await this.#sessionOfCall(call);
    // Of no single session.
    if (session === null) return work();
    const subject = this.#subject(session, true);
    const frame = frameOf(subject, isOfOldTurn);
    if (frame !== undefined) return frame.turn.operate(false, frame.scope, work);
    return this.#options.snapshotReads ? work() : this.#bare(subject, work);
  }

  /** A call that changes the conversation. */
  async write<T>(call: MemoryCall, work: () => T | Promise<T>): Promise<T> {
    const isOfOldTurn = frames.isEventAfterTurn();
    const subject = this.#subject(await this.#sessionOfCall(call), false);
    const frame = frameOf(subject, isOfOldTurn);
    if (frame === undefined) return this.#bare(subject, (turn) => this.#save(turn, call, work));
    if (frame.turn.hasEnded && !frame.scope.isOfWrite) {
      // It is not awaited, or an SDK swallows what it throws: the application is told.
      const { onLateSave = warnOfLateSave } = this.#options;
      const save = { ...call, sessionId: frame.turn.sessionId };
      tell(() => ({ event: "lateSave", save }));
      onLateSave(save);
    }
    return frame.turn.operate(true, frame.scope, () => this.#save(frame.turn, call, work));
  }

  /** A turn of one call. */
  async #bare<T>(subject: TurnSubject, work: (turn: HeldTurn) => T | Promise<T>): Promise<T> {
    const terms = { ...this.#options, ...BARE };
    const turn = await this.#begin({ ...subject, isBare: true }, terms, undefined);
    return this.#hold(turn, terms, () => turn.operate(!subject.isShared, undefined, () => work(turn)));
  }

  /** Ends the turn when the work has settled, or the stream that it returned has ended. */
  async #hold<T>(turn: HeldTurn, terms: TurnDefaults, work: () => T | Promise<T>): Promise<T> {
    const { streamIdle: idle = DEFAULT_STREAM_IDLE, interruptGrace: grace = DEFAULT_GRACE } = terms;
    try {
      if (terms.interruptible ?? terms.onConcurrentTurn === "interrupt") hearInterrupts(turn, grace);
      const result = await turn.enter(work);
      const held = holdResult(result, turn, idle, grace);
      // It has the members that count of what was given, if not always its class.
      if (turn.isHeld) return held as T;
      await turn.finish();
      if (turn.refused !== undefined) throw turn.refused;
      return result;
    } catch (error) {
      turn.failure = error;
      await turn.end();
      throw error;
    }
  }

  async #save<T>(turn: HeldTurn, call: MemoryCall, work: () => T | Promise<T>): Promise<T> {
    const { onWrite } = this.#options;
    if (onWrite !== undefined) {
      const { sessionId, fencingToken, signal } = turn;
      await onWrite({ ...call, sessionId, fencingToken, signal });
      turn.assertLease();
    }
    return work();
  }

  async #begin(
    subject: TurnSubject,
    terms: TurnDefaults,
    signal: AbortSignal | undefined,
  ): Promise<HeldTurn> {
    const { onConcurrentTurn = "enqueue", maxTurn = DEFAULT_MAX_TURN } = terms;
    const { wait = DEFAULT_WAIT, ttl = DEFAULT_TTL } = terms;
    const { locks, key, isShared } = subject;
    let turn: HeldTurn | undefined;
    const acquire = (meta?: Readonly<Record<string, string>>): Promise<Lease> =>
      locks.readWrite(key)[isShared ? "read" : "write"].acquire({
        wait: onConcurrentTurn === "reject" ? 0 : wait,
        ttl,
        maxHold: maxTurn === "forever" ? undefined : maxTurn,
        signal,
        meta,
        onLost: (error) => turn?.lose(error),
      });
    const interrupts = onConcurrentTurn === "interrupt";
    const lease = await (interrupts ? acquireInterrupting(subject, acquire) : acquire());
    turn = new HeldTurn(subject, lease, this.#atEnd);
    return turn;
  }

  #sessionOfCall(call: MemoryCall): unknown {
    const { sessionId } = this.#options;
    return typeof sessionId === "function" ? sessionId(call) : sessionId;
  }

  /** @throws LockUsageError */
  #sessionOf({ sessionId: asked }: TurnOptions): string {
    const { sessionId: own } = this.#options;
    if (typeof own !== "function" && (asked ?? own) === own) return own;
    if (typeof own === "function" && asked !== undefined) return asked;
    const wanted =
      typeof own === "function"
        ? "given, since each call tells its own"
        : `that of the memory, ${JSON.stringify(own)}`;
    throw new LockUsageError(`withTurn: sessionId must be ${wanted}`);
  }

  /** @throws LockUsageError where no session is known: never one lock for all */
  #subject(sessionId: unknown, isShared: boolean): TurnSubject {
    const { locks } = this.#options;
    return { locks, key: sessionKey(sessionId), sessionId: String(sessionId), isShared };
  }
}

/**
 * The frame that a call belongs to. What a bare call that is over left behind is on its own, and so is what an event
 * begins that was set up in a turn that is over.
 */
function frameOf(subject: TurnSubject, isOfOldTurn: boolean): Frame<HeldTurn> | undefined {
  return frames.find(({ turn, scope }) => {
    const isItsOwn = turn.subject.isBare || (isOfOldTurn && !scope.isOfWrite);
    return isOf(turn, subject) && !(turn.hasEnded && isItsOwn);
  });
}

function isOf({ subject }: HeldTurn, { locks, key }: TurnSubject): boolean {
  return subject.locks === locks && subject.key === key;
}

/** What is undefined falls back to the memory's own. */
function defined(options: TurnOptions): TurnOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

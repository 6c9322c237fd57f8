import { type Lease, LockUsageError } from "@lock/core";
import { checkOptions } from "@lock/core/adapter";
import type { Frame } from "./frames.ts";
import { frames, HeldTurn, type Turn, type TurnSubject } from "./held-turn.ts";
import { acquireInterrupting, hearInterrupts } from "./interrupts.ts";
import {
  type MemoryCall,
  type MemoryOptions,
  type TurnDefaults,
  type TurnOptions,
  WITH_TURN_ALLOWED,
} from "./options.ts";
import { sessionKey } from "./session-key.ts";
import { holdIteration, holdStream } from "./streams.ts";

const DEFAULT_WAIT = 5_000;
const DEFAULT_TTL = 30_000;
const DEFAULT_MAX_TURN = 600_000;
const DEFAULT_STREAM_IDLE = 60_000;
const DEFAULT_GRACE = 1_000;

/** A single call waits in line, and is soon over. */
const BARE = { onConcurrentTurn: "enqueue", interruptible: false } as const;

/** The turns of a memory, and its calls outside of any. */
export class Turns {
  constructor(private readonly options: MemoryOptions) {}

  /** Holds a whole turn around `fn`; within a turn of the session it is part of that. */
  async withTurn<T>(fn: (turn: Turn) => T | Promise<T>, options: TurnOptions = {}): Promise<T> {
    checkOptions("withTurn", options, WITH_TURN_ALLOWED, []);
    if (typeof fn !== "function") throw new LockUsageError(`withTurn needs a function, got ${typeof fn}`);
    const subject = this.#subject(options.sessionId ?? this.options.sessionId, "exclusive");
    const outer = frames.find((turn) => isOf(turn, subject) && !turn.hasEnded)?.turn;
    if (outer !== undefined) {
      assertExclusive(outer);
      outer.assertHeld();
      return fn(outer);
    }
    const terms = { ...this.options, ...defined(options) };
    const turn = await this.#begin(subject, terms, options.signal);
    return this.#hold(turn, terms, () => fn(turn));
  }

  /** A call that only looks. */
  async read<T>(call: MemoryCall, work: () => T | Promise<T>): Promise<T> {
    const subject = await this.#subjectOf(call, "shared");
    const frame = subject && activeFrame(subject);
    if (frame !== undefined) return frame.turn.operate("read", frame.write, work);
    if (subject === undefined || this.options.snapshotReads) return work();
    return this.#bare(subject, work);
  }

  /** A call that changes the conversation. */
  async write<T>(call: MemoryCall, work: () => T | Promise<T>): Promise<T> {
    const subject = (await this.#subjectOf(call, "exclusive")) ?? this.#subject(null, "exclusive");
    const frame = activeFrame(subject);
    if (frame !== undefined)
      return frame.turn.operate("write", frame.write, () => this.#save(frame.turn, call, work));
    return this.#bare(subject, (turn) => this.#save(turn, call, work));
  }

  /** A call that looks for as long as somebody iterates over what it returned. */
  iterate<T>(call: MemoryCall, work: () => AsyncIterable<T>): AsyncGenerator<T, unknown, undefined> {
    const { streamIdle = DEFAULT_STREAM_IDLE, interruptGrace = DEFAULT_GRACE } = this.options;
    const begin = async (): Promise<HeldTurn | undefined> => {
      const subject = await this.#subjectOf(call, "shared");
      const frame = subject && activeFrame(subject);
      if (frame !== undefined) {
        await frame.turn.operate("read", frame.write, () => undefined);
        return undefined;
      }
      return subject === undefined || this.options.snapshotReads
        ? undefined
        : this.#begin(subject, this.options, undefined);
    };
    return holdIteration(work, begin, { idle: streamIdle, grace: interruptGrace });
  }

  /** A turn of one call. */
  async #bare<T>(subject: TurnSubject, work: (turn: HeldTurn) => T | Promise<T>): Promise<T> {
    const turn = await this.#begin({ ...subject, isBare: true }, { ...this.options, ...BARE }, undefined);
    const kind = subject.isShared ? "read" : "write";
    return this.#hold(turn, this.options, () => turn.operate(kind, undefined, () => work(turn)));
  }

  async #hold<T>(turn: HeldTurn, terms: TurnDefaults, work: () => T | Promise<T>): Promise<T> {
    const { streamIdle = DEFAULT_STREAM_IDLE, interruptGrace = DEFAULT_GRACE } = terms;
    let result: T;
    try {
      result = await turn.enter(work);
    } catch (error) {
      await turn.end();
      throw error;
    }
    const held = holdStream(result, turn, { idle: streamIdle, grace: interruptGrace });
    if (held !== undefined) return held.stream;
    await turn.end();
    if (turn.refused !== undefined) throw turn.refused;
    return result;
  }

  async #save<T>(turn: HeldTurn, { method, args }: MemoryCall, work: () => T | Promise<T>): Promise<T> {
    const { onWrite } = this.options;
    if (onWrite !== undefined) {
      const { sessionId, fencingToken, signal } = turn;
      await onWrite({ sessionId, method, args, fencingToken, signal });
      turn.assertMayWrite();
    }
    return work();
  }

  async #begin(
    subject: TurnSubject,
    terms: TurnDefaults,
    signal: AbortSignal | undefined,
  ): Promise<HeldTurn> {
    const {
      onConcurrentTurn = "enqueue",
      maxTurn = DEFAULT_MAX_TURN,
      interruptGrace = DEFAULT_GRACE,
    } = terms;
    const {
      wait = DEFAULT_WAIT,
      ttl = DEFAULT_TTL,
      interruptible = onConcurrentTurn === "interrupt",
    } = terms;
    const { locks, key, isShared } = subject;
    let turn: HeldTurn | undefined;
    const lock = isShared ? locks.readWrite(key).read : locks.readWrite(key).write;
    const acquire = (meta?: Readonly<Record<string, string>>): Promise<Lease> =>
      lock.acquire({
        wait: onConcurrentTurn === "reject" ? 0 : wait,
        ttl,
        maxHold: maxTurn === "forever" ? undefined : maxTurn,
        signal,
        meta,
        onLost: (error) => turn?.lose(error),
      });
    const interrupts = onConcurrentTurn === "interrupt" && !isShared;
    const lease = interrupts ? await acquireInterrupting(subject, acquire) : await acquire();
    turn = new HeldTurn(subject, lease);
    if (interruptible && !isShared) hearInterrupts(turn, interruptGrace);
    return turn;
  }

  /** Undefined where the call is of no single session. */
  async #subjectOf(call: MemoryCall, mode: "shared" | "exclusive"): Promise<TurnSubject | undefined> {
    const { sessionId } = this.options;
    const session = typeof sessionId === "function" ? await sessionId(call) : sessionId;
    return session === null ? undefined : this.#subject(session, mode);
  }

  /** @throws LockUsageError where no session is known: never one lock for all */
  #subject(sessionId: unknown, mode: "shared" | "exclusive"): TurnSubject {
    if (typeof sessionId === "function") {
      throw new LockUsageError(
        "withTurn needs the option sessionId, since the sessionId of this memory is told by each call",
      );
    }
    const key = sessionKey(sessionId);
    const { locks } = this.options;
    return { locks, key, sessionId: String(sessionId), isBare: false, isShared: mode === "shared" };
  }
}

/** The frame of the turn that a call belongs to. A call that is over is nobody's turn: what it left behind is on its own. */
function activeFrame(subject: TurnSubject): Frame<HeldTurn> | undefined {
  return frames.find((turn) => isOf(turn, subject) && !(turn.subject.isBare && turn.hasEnded));
}

function isOf({ subject }: HeldTurn, { locks, key }: TurnSubject): boolean {
  return subject.locks === locks && subject.key === key;
}

function assertExclusive(turn: HeldTurn): void {
  if (!turn.subject.isShared) return;
  throw new LockUsageError(
    `a read of the session ${JSON.stringify(turn.sessionId)} began a turn: begin it around the read`,
  );
}

/** What is undefined falls back to the memory's own. */
function defined(options: TurnOptions): TurnOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

import { Readable } from "node:stream";
import { setImmediate as nextRound } from "node:timers/promises";
import { systemClock, type Timer } from "@lock/core/adapter";
import { TurnEndedError } from "./errors.ts";
import type { HeldTurn } from "./held-turn.ts";
import { isFixed, isPlain } from "./methods.ts";
import {
  hasUnfinished,
  isAsyncIterable,
  isPending,
  isReadableStream,
  isUnfinished,
  makesStream,
  membersOf,
} from "./shapes.ts";
import { type EndPart, HeldSteps, heldReadable, type Parts, refuse } from "./streams.ts";

/** How many objects of a result are looked at, and of each list: long ones are of one kind. */
const MOST_OBJECTS = 200;
const MOST_ITEMS = 20;

/**
 * If the result of a turn has something unfinished inside, that holds the turn until it has ended, is left, or was not
 * read for `idle` milliseconds, which `turn.isHeld` tells: what is to be given out in place of the result. `grace` is how
 * long an abandoned source has to save what it has.
 * @throws LockUsageError for what cannot be held
 */
export function holdResult(result: unknown, turn: HeldTurn, idle: number, grace: number): unknown {
  return new HeldResult(turn, idle, grace).hold(result, false);
}

class HeldResult implements Parts {
  /** Of each part that goes on: what tells its source to stop. */
  readonly #parts = new Set<() => unknown>();
  readonly #held = new WeakMap<object, unknown>();
  readonly #idle: number;
  readonly #grace: number;
  #looked = 0;
  #busy = 0;
  #timer: Timer | undefined;
  #isOver = false;
  abandoned: Error | undefined;

  constructor(
    readonly turn: HeldTurn,
    idle: number,
    grace: number,
  ) {
    this.#idle = idle;
    this.#grace = grace;
    // What a single call gives is the store's: only a stream saves when it is read.
    if (turn.subject.isBare) this.#looked = MOST_OBJECTS - 1;
  }

  /** `isLazy` is what an object gave out that makes such things when it is asked. */
  hold(value: unknown, isLazy: boolean): unknown {
    if (typeof value !== "object" || value === null) return value;
    const known = this.#held.get(value);
    this.#looked += 1;
    if (known !== undefined || this.#looked > MOST_OBJECTS) return known ?? value;
    // A part that leads back to the whole is not looked at again.
    this.#held.set(value, value);
    const held = this.#heldOf(value, isLazy);
    this.#held.set(value, held);
    return held;
  }

  #heldOf(value: object, isLazy: boolean): unknown {
    // One of a library may begin its work only when it is asked for its result.
    if (Object.getPrototypeOf(value) === Promise.prototype) {
      // What it resolves with may be a stream.
      return this.#during((value as Promise<unknown>).then((result) => this.hold(result, isLazy)));
    }
    if (isReadableStream(value)) return heldReadable(value, this, isLazy);
    if (value instanceof Readable) {
      // What it does when it is read would not be known to belong to the turn: it becomes another one.
      return Readable.from(new HeldSteps(() => value[Symbol.asyncIterator](), this, isLazy));
    }
    const { completed } = value as { readonly completed?: unknown };
    if (typeof Object(completed).then === "function") {
      // It runs by itself, and saves at its end: who reads it makes no difference.
      this.#during(completed as PromiseLike<unknown>).catch(() => undefined);
      return value;
    }
    return Array.isArray(value) ? this.#list(value, isLazy) : this.#other(value, isLazy);
  }

  #list(list: readonly unknown[], isLazy: boolean): unknown {
    const hold = (item: unknown) => this.hold(item, isLazy);
    return list.slice(0, MOST_ITEMS).some((item) => hold(item) !== item) ? list.map(hold) : list;
  }

  #other(value: object, isLazy: boolean): unknown {
    if (isPlain(value) && !isAsyncIterable(value)) return this.#plain(value, isLazy);
    if ((value instanceof Map || value instanceof Set) && [...value.values()].some(isUnfinished)) {
      refuse("a Map or Set of streams");
    }
    if (value instanceof Response && value.body === null) return value;
    return isAsyncIterable(value) || hasUnfinished(value) ? this.#object(value) : value;
  }

  begin(leave: () => unknown): EndPart {
    this.#watch();
    this.#parts.add(leave);
    return async () => {
      if (!this.#parts.delete(leave)) return;
      // What follows the end, such as a save in a callback, is called by then; or another part is begun.
      await nextRound();
      if (this.#parts.size > 0 || this.#isOver) return;
      this.#isOver = true;
      this.#watch();
      const finishing = this.turn.finish();
      // What it still waits for may wait for this end to be read.
      if (!this.turn.isAwaited) await finishing;
    };
  }

  /** A part that goes on by itself, whether or not its end is read. */
  async #during<T>(work: PromiseLike<T>): Promise<T> {
    const end = this.begin(() => undefined);
    try {
      return await this.busy(() => work);
    } finally {
      void end();
    }
  }

  async busy<T>(work: () => PromiseLike<T>): Promise<T> {
    this.#busy += 1;
    this.#watch();
    try {
      return await work();
    } finally {
      this.#busy -= 1;
      this.#watch();
    }
  }

  /** A reader has left while its part was at work. That is asked to stop, unless the turn lasts for something else. */
  leave(): void {
    if (this.#parts.size === 1 && !this.turn.isAwaited) this.#stop("was left");
  }

  /** The result ends the turn: at the latest when nothing has happened for too long. */
  #watch(): void {
    this.turn.isHeld = true;
    this.#timer?.cancel();
    if (this.#busy > 0 || this.#isOver) return;
    this.#timer = systemClock.setTimer(() => void this.#abandon(), this.#idle);
  }

  /** Nobody reads it: its sources are told to stop, as by a reader that leaves. */
  async #abandon(): Promise<void> {
    this.#isOver = true;
    this.abandoned = this.#stop(`was not read for ${this.#idle} ms`);
    // Nobody is there to be told.
    await Promise.allSettled([...this.#parts].map((leave) => this.turn.enter(async () => leave())));
    await this.turn.end(this.abandoned);
  }

  #stop(because: string): Error {
    const error = new TurnEndedError(this.turn.sessionId, `its stream ${because}`);
    this.turn.stop(error, this.#grace);
    return error;
  }

  #plain(value: object, isLazy: boolean): object {
    const members = membersOf(value);
    if (members.some(([name, member]) => makesStream(name, member))) return this.#object(value);
    let isSame = true;
    for (const [, member] of members) {
      const held = this.hold(member.value, isLazy);
      isSame &&= held === member.value;
      if ("value" in member) member.value = held;
    }
    return isSame ? value : Object.create(Object.getPrototypeOf(value), Object.fromEntries(members));
  }

  /** The same object, whose streams and promises are held as it gives them out. */
  #object(value: object): object {
    this.#watch();
    for (const [, { value: member }] of membersOf(value)) {
      if (isPending(member)) this.#during(member).catch(() => undefined);
    }
    const open = () => (value as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    const steps = isAsyncIterable(value) && new HeldSteps(open, this, !("next" in value));
    return new Proxy(value, {
      get: (target, name) => {
        const isStep = Object.hasOwn(HeldSteps.prototype, name) && name in target;
        const owner = (isStep && steps) || target;
        const member: unknown = this.turn.enter(() => Reflect.get(owner, name, owner));
        if (name === "constructor" || isFixed(target, name)) return Reflect.get(target, name);
        if (typeof member !== "function") return this.#member(member);
        return (...args: unknown[]) => {
          const result: unknown = this.turn.enter(() => Reflect.apply(member, owner, args));
          return owner === target ? this.#member(result) : result;
        };
      },
      set: (target, name, member) => Reflect.set(target, name, member, target),
    });
  }

  /** What an object gives out, when it does. */
  #member(member: unknown): unknown {
    if (this.turn.hasEnded && this.abandoned === undefined) return member;
    this.#looked = 0;
    return this.hold(member, true);
  }
}

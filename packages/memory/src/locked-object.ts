import { LockUsageError } from "./errors.ts";
import type { Turn } from "./held-turn.ts";
import { isFixed, isPlain, kindsOf, type MemoryShape, type MethodKind } from "./methods.ts";
import type { MemoryOptions, TurnOptions } from "./options.ts";
import type { Turns } from "./turns.ts";

/** What a locked memory has beside the members of the memory. */
export interface TurnHolder {
  /**
   * Holds the session from before `fn` until it has settled, or until the stream that it returned has ended. Turns of one
   * session come one after the other, over all processes; calls of the memory within are part of the turn. Settles as
   * `fn` does, but rejects if a call was refused since the turn was lost or over, even if `fn` made nothing of it.
   * @throws LockTimeoutError when the session stays busy, LockBackendError, LockUsageError, or the reason of
   *   `options.signal`
   */
  withTurn<T>(fn: (turn: Turn) => T | Promise<T>, options?: TurnOptions): Promise<T>;
}

/** The same memory, locked. */
export type LockedMemory<Memory extends object> = Memory & TurnHolder;

type Method = (...args: unknown[]) => unknown;
type Unlisted = NonNullable<MemoryOptions["unlisted"]>;

/** Called by anybody for any object: neither reads nor writes. */
const EVERYBODYS = new Set<PropertyKey>(["toJSON", ...Object.getOwnPropertyNames(Object.prototype)]);

/**
 * A proxy of a memory whose methods take the locks that they need. They are called on the memory itself: its private
 * fields work, and what it calls of itself is not locked again.
 */
export function lockMethods<Memory extends object>(
  name: string,
  memory: Memory,
  shape: MemoryShape,
  unlisted: Unlisted,
  turns: Turns,
): LockedMemory<Memory> {
  const kinds = kindsOf(name, memory, shape);
  const withTurn = turns.withTurn.bind(turns);
  const made = new Map<PropertyKey, { readonly of: Method; readonly locked: Method }>();

  const lockedOf = (method: PropertyKey, of: Method): Method => {
    const known = made.get(method);
    if (known?.of === of) return known.locked;
    const locked = new Proxy(of, {
      apply: (_target, _receiver, args) => call(kindOf(method), String(method), of, args),
    });
    made.set(method, { of, locked });
    return locked;
  };

  const kindOf = (method: PropertyKey): MethodKind | "throw" => {
    const isEverybodys = EVERYBODYS.has(method) || typeof method === "symbol";
    return kinds.get(method) ?? (isEverybodys ? "none" : unlisted);
  };

  const call = (kind: MethodKind | "throw", method: string, of: Method, args: unknown[]): unknown => {
    const work = () => Reflect.apply(of, memory, args);
    const read = <T>(how: () => T | Promise<T>) =>
      turns
        .read({ method, args }, how)
        .then((result: unknown) => (result === memory ? proxy : copied(result)));
    if (kind === "write") return turns.write({ method, args }, work).then(unlockedNever);
    if (kind === "read") return read(work);
    if (kind === "iterate") return inOneGo(() => read(() => listOf(work())));
    if (kind === "none") return unlockedNever(work());
    throw new LockUsageError(
      `${name}: the method ${JSON.stringify(method)} is in no list of the option methods`,
    );
  };

  /** What returns the memory itself, for the next call, must not hand out the one without locks. */
  const unlockedNever = (result: unknown): unknown => (result === memory ? proxy : result);

  const proxy = new Proxy(memory, {
    get: (target, property) => {
      if (property === "withTurn") return withTurn;
      const value: unknown = Reflect.get(target, property, target);
      const isValue = typeof value !== "function" || property === "constructor" || isFixed(target, property);
      return isValue ? unlockedNever(value) : lockedOf(property, value as Method);
    },
    set: (target, property, value) => Reflect.set(target, property, value, target),
    has: (target, property) => property === "withTurn" || Reflect.has(target, property),
  }) as LockedMemory<Memory>;
  return proxy;
}

/** A store may give out its live list, by itself or as a value of what it returns, which later writes change. */
function copied(result: unknown): unknown {
  const copy = (value: unknown) => (Array.isArray(value) ? value.slice() : value);
  if (typeof result !== "object" || result === null || !isPlain(result)) return copy(result);
  return Object.fromEntries(Object.entries(result).map(([name, value]) => [name, copy(value)]));
}

async function listOf(iterable: unknown): Promise<unknown[]> {
  const list: unknown[] = [];
  for await (const item of iterable as AsyncIterable<unknown>) list.push(item);
  return list;
}

/** Read to its end at the first step: were it locked while it is looked at, a write in between would wait for itself. */
async function* inOneGo(read: () => Promise<unknown>): AsyncGenerator<unknown> {
  yield* (await read()) as unknown[];
}

import { checkOptions, messagesOf } from "@lock/core/adapter";
import type { AtEnd } from "./held-turn.ts";
import { type LockedMemory, lockMethods } from "./locked-object.ts";
import { checkMethods, MEMORY_SHAPE, type MemoryShape } from "./methods.ts";
import { type LockMemoryOptions, MEMORY_ALLOWED, type MemoryOptions } from "./options.ts";
import { sessionKey } from "./session-key.ts";
import { Turns } from "./turns.ts";

/**
 * Locks a memory: what it reads is shared, what it writes has the session for itself, and `withTurn` holds a whole turn.
 * `instanceof`, getters, synchronous methods and what is absent stay as they are.
 * @example
 * const memory = lockMemory(redisMemory(redis, { sessionId }), { locks, sessionId });
 * await memory.withTurn(async () => {
 *   const history = await memory.getMessages();
 *   await memory.append([{ role: "assistant", content: await ask(model, history) }]);
 * });
 * @throws LockUsageError for wrong options, or a memory that has not the methods that are to be locked
 */
export function lockMemory<Memory extends object>(
  memory: Memory,
  options: LockMemoryOptions,
): LockedMemory<Memory> {
  const { methods, ...others } = Object(options) as LockMemoryOptions;
  const shape = methods === undefined ? MEMORY_SHAPE : { name: "memory", ...checkMethods(methods) };
  return lockShape("lockMemory", memory, shape, { unlisted: "throw", ...others });
}

/** What `lockMemory` and all presets are made of. `name` is what the user called. */
export function lockShape<Memory extends object>(
  name: string,
  memory: Memory,
  shape: MemoryShape,
  options: MemoryOptions,
  atEnd?: AtEnd,
): LockedMemory<Memory> {
  checkOptions(name, options, MEMORY_ALLOWED, ["locks", "sessionId"]);
  if (typeof options.sessionId === "string") sessionKey(options.sessionId);
  // Told now rather than by the first turn: whatever is around the locks may not know what interrupts need.
  if (options.onConcurrentTurn === "interrupt" || options.interruptible) messagesOf(options.locks);
  return lockMethods(name, memory, shape, options.unlisted ?? "none", new Turns(options, atEnd));
}

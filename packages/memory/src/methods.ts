import { checkOptions } from "@lock/core/adapter";
import { LockUsageError } from "./errors.ts";
import type { MethodTable } from "./options.ts";

/** What a method is to the lock. */
export type MethodKind = keyof MethodTable;

/** The methods of a kind of memory. */
export interface MemoryShape extends MethodTable {
  /** For messages, such as "chat history". */
  readonly name: string;
  /** What it must have; the others may be missing. Default: all of them. */
  readonly required?: readonly string[];
}

/** LangChain's and Beluga's memories, and what `redisMemory` has beside that. */
export const MEMORY_SHAPE: MemoryShape = {
  name: "memory",
  required: ["loadMemoryVariables", "saveContext"],
  read: ["loadMemoryVariables", "getMessages"],
  write: ["saveContext", "clear", "append", "replace", "addMessages", "addMessage", "pop"],
  none: ["memoryVariables"],
};

const KINDS: readonly MethodKind[] = ["read", "write", "none", "iterate"];
const LIST = ["a list of strings"];

/** @throws LockUsageError */
export function checkMethods(methods: unknown): MethodTable {
  checkOptions("methods", methods, { read: LIST, write: LIST, none: LIST, iterate: LIST }, []);
  const table = methods as MethodTable;
  const names = KINDS.flatMap((kind) => table[kind] ?? []);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new LockUsageError(`methods: ${JSON.stringify(twice)} is in two lists`);
  if (names.length === 0) throw new LockUsageError("methods must name what reads and what writes, got none");
  return table;
}

/**
 * What each method of a memory is.
 * @throws LockUsageError that says what is missing
 */
export function kindsOf(
  name: string,
  memory: unknown,
  shape: MemoryShape,
): ReadonlyMap<PropertyKey, MethodKind> {
  const kinds = new Map<PropertyKey, MethodKind>();
  for (const kind of KINDS) {
    for (const method of shape[kind] ?? []) kinds.set(method, kind);
  }
  const has = (method: string) => typeof Reflect.get(Object(memory), method) === "function";
  const missing = (shape.required ?? [...kinds.keys()].map(String)).filter((method) => !has(method));
  if (missing.length > 0) {
    const listed = missing.map((method) => JSON.stringify(method)).join(", ");
    const advice = name === "lockMemory" ? "; say with the option methods what reads and what writes" : "";
    throw new LockUsageError(
      `${name} needs a ${shape.name} with the methods ${listed}, which this one has not${advice}`,
    );
  }
  const frozen = [...kinds.keys()].find((method) => isFixed(Object(memory), method));
  if (frozen === undefined) return kinds;
  throw new LockUsageError(`${name}: the method "${String(frozen)}" is frozen, and cannot be locked`);
}

/** A proxy must tell such a property as it is. */
export function isFixed(memory: object, method: PropertyKey): boolean {
  const own = Object.getOwnPropertyDescriptor(memory, method);
  return own?.configurable === false && own.writable === false;
}

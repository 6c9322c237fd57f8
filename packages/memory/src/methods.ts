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
  const places = placesIn(table);
  const names = places.map(({ method }) => method);
  const again = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (again >= 0) {
    const [first, second] = [places[names.indexOf(names[again] ?? "")], places[again]];
    throw new LockUsageError(`methods: ${first?.place} and ${second?.place} are the same method`);
  }
  if (names.length === 0) throw new LockUsageError("methods must name what reads and what writes, got none");
  return table;
}

/** The methods of a table, and where each stands in it: what a user has named is not repeated in messages. */
function placesIn(table: MethodTable): readonly { readonly method: string; readonly place: string }[] {
  return KINDS.flatMap((kind) =>
    (table[kind] ?? []).map((method, index) => ({ method, place: `${kind}[${index}]` })),
  );
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
  const missing = shape.required?.filter((method) => !has(method)).map((method) => JSON.stringify(method));
  const absent = missing ?? placesIn(shape).flatMap(({ method, place }) => (has(method) ? [] : [place]));
  if (absent.length > 0) {
    const which = missing === undefined ? `at ${absent.join(", ")} of methods` : absent.join(", ");
    const advice = name === "lockMemory" ? "; say with the option methods what reads and what writes" : "";
    throw new LockUsageError(
      `${name} needs a ${shape.name} with the methods ${which}, which this one has not${advice}`,
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

/** Whether it is an object without a class. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

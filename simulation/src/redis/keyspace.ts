import { CommandError } from "./reply.ts";
import { SortedSet } from "./sorted-set.ts";

export type Value =
  | { readonly type: "string"; text: string }
  | { readonly type: "hash"; readonly fields: Map<string, string> }
  | { readonly type: "zset"; readonly members: SortedSet };

export type ValueType = Value["type"];

interface Entry {
  readonly value: Value;
  /** Unix time in milliseconds; undefined: never. */
  expiresAt: number | undefined;
}

const WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";

/** The keys of one server. A key whose time is over is gone for every command that looks at it. */
export class Keyspace {
  readonly #entries = new Map<string, Entry>();
  /** Unix time in milliseconds, as this command sees it. */
  now = 0;

  has(key: string): boolean {
    return this.#live(key) !== undefined;
  }

  typeOf(key: string): ValueType | undefined {
    return this.#live(key)?.value.type;
  }

  /** @throws CommandError where it is of another type */
  find<Type extends ValueType>(key: string, type: Type): Extract<Value, { type: Type }> | undefined {
    const value = this.#live(key)?.value;
    if (value === undefined) return undefined;
    if (value.type !== type) throw new CommandError(WRONG_TYPE);
    return value as Extract<Value, { type: Type }>;
  }

  /** The same, made where there is none. */
  findOrMake<Type extends "hash" | "zset">(key: string, type: Type): Extract<Value, { type: Type }> {
    const known = this.find(key, type);
    if (known !== undefined) return known;
    const value: Value =
      type === "hash" ? { type: "hash", fields: new Map() } : { type: "zset", members: new SortedSet() };
    this.#entries.set(key, { value, expiresAt: undefined });
    return value as Extract<Value, { type: Type }>;
  }

  setString(key: string, text: string, expiresAt: number | undefined): void {
    if (expiresAt !== undefined && expiresAt <= this.now) {
      this.#entries.delete(key);
      return;
    }
    this.#entries.set(key, { value: { type: "string", text }, expiresAt });
  }

  delete(key: string): boolean {
    return this.#live(key) !== undefined && this.#entries.delete(key);
  }

  /** A hash or a sorted set that has become empty is gone. */
  deleteIfEmpty(key: string): void {
    const value = this.#entries.get(key)?.value;
    const isEmpty =
      (value?.type === "hash" && value.fields.size === 0) ||
      (value?.type === "zset" && value.members.size === 0);
    if (isEmpty) this.#entries.delete(key);
  }

  expiryOf(key: string): number | undefined {
    return this.#live(key)?.expiresAt;
  }

  /** Whether there is such a key; it is gone at once where its time is over. */
  expireAt(key: string, at: number | undefined): boolean {
    const entry = this.#live(key);
    if (entry === undefined) return false;
    if (at !== undefined && at <= this.now) this.#entries.delete(key);
    else entry.expiresAt = at;
    return true;
  }

  /** All keys, sorted: a hash table's own order means nothing. */
  keys(): string[] {
    return [...this.#entries.keys()].filter((key) => this.has(key)).sort();
  }

  clear(): void {
    this.#entries.clear();
  }

  /** What another server would have that took all of it over. */
  copy(): Keyspace {
    const copy = new Keyspace();
    for (const [key, { value, expiresAt }] of this.#entries) {
      copy.#entries.set(key, { value: copyOf(value), expiresAt });
    }
    return copy;
  }

  /** Whether a text stands in a string, a field or a member. */
  contains(text: string): boolean {
    for (const key of this.#entries.keys()) {
      const value = this.#live(key)?.value;
      if (value?.type === "string" && value.text.includes(text)) return true;
      if (value?.type === "hash" && value.fields.has(text)) return true;
      if (value?.type === "zset" && value.members.all().some(([member]) => member.startsWith(text)))
        return true;
    }
    return false;
  }

  /** Whether the string of a key begins with a text, or a member that is scored above `floor` does. */
  begins(key: string, text: string, floor: number): boolean {
    const value = this.#live(key)?.value;
    if (value?.type === "string") return value.text.startsWith(text);
    if (value?.type !== "zset") return false;
    return value.members.all().some(([member, score]) => score > floor && member.startsWith(text));
  }

  /** The members of a sorted set, in their order. */
  members(key: string): string[] {
    const value = this.#live(key)?.value;
    return value?.type === "zset" ? value.members.all().map(([member]) => member) : [];
  }

  /** A key as text, for comparisons; undefined where there is none. */
  dump(key: string): unknown {
    const entry = this.#live(key);
    if (entry === undefined) return undefined;
    const { value, expiresAt } = entry;
    const hasExpiry = expiresAt !== undefined;
    if (value.type === "string") return { type: value.type, value: value.text, hasExpiry };
    if (value.type === "zset") return { type: value.type, value: value.members.all(), hasExpiry };
    return { type: value.type, value: [...value.fields].sort(([a], [b]) => (a < b ? -1 : 1)), hasExpiry };
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expiresAt === undefined || this.now <= entry.expiresAt) return entry;
    this.#entries.delete(key);
    return undefined;
  }
}

function copyOf(value: Value): Value {
  if (value.type === "string") return { ...value };
  if (value.type === "hash") return { type: "hash", fields: new Map(value.fields) };
  return { type: "zset", members: value.members.copy() };
}

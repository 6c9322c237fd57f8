import { LockUsageError } from "./errors.ts";
import { showNamed } from "./show.ts";

/** What a key may have of UTF-8. */
export const MAX_KEY_BYTES = 512;

/** No string of fewer UTF-16 units can have more UTF-8 bytes than allowed. */
const SURELY_SHORT = Math.floor(MAX_KEY_BYTES / 3);
const LONE_SURROGATE = /\p{Surrogate}/u;
const PREFIX = /^[\w:.-]{1,64}$/;

/**
 * Refuses what cannot be a key: not a string, empty, over 512 bytes of UTF-8, or not valid Unicode (two
 * strings that differ only in a lone surrogate become the same bytes).
 * @throws LockUsageError
 */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== "string" || key.length === 0) {
    throw new LockUsageError(`a key must be a non-empty string, got ${showNamed("key", key)}`);
  }
  if (!isShort(key)) {
    const bytes = Buffer.byteLength(key);
    throw new LockUsageError(
      `a key may have at most ${MAX_KEY_BYTES} bytes of UTF-8, got ${bytes}: ${showNamed("key", key)}; hash long keys`,
    );
  }
  if (LONE_SURROGATE.test(key)) {
    throw new LockUsageError(`a key must be valid Unicode, got a lone surrogate in ${showNamed("key", key)}`);
  }
}

/** Whether `checkKey` would take it. */
export function isKey(key: unknown): key is string {
  return typeof key === "string" && key !== "" && isShort(key) && !LONE_SURROGATE.test(key);
}

function isShort(key: string): boolean {
  return key.length <= SURELY_SHORT || Buffer.byteLength(key) <= MAX_KEY_BYTES;
}

/** More would keep a server busy for too long, and are rarely meant. */
const MOST_KEYS = 128;

/** At least one key. */
export type Keys = readonly [string, ...string[]];

/** The last single key that was checked: the thousands who may wait for one key share its list. */
let lastKey: Keys = [""];

/**
 * One key or several as a list without repetition, in the order in which everybody takes them.
 * @throws LockUsageError for what cannot be a key, no key, or more than 128
 */
export function checkKeys(given: unknown): Keys {
  if (!Array.isArray(given)) {
    if (given === lastKey[0] && given !== "") return lastKey;
    checkKey(given);
    lastKey = [given];
    return lastKey;
  }
  const keys = new Set<string>();
  for (const key of given as readonly unknown[]) {
    checkKey(key);
    keys.add(key);
  }
  if (keys.size === 0 || keys.size > MOST_KEYS) {
    throw new LockUsageError(`a list of keys must have 1 to ${MOST_KEYS} of them, got ${keys.size}`);
  }
  const [first = "", ...others] = [...keys].sort();
  return [first, ...others];
}

/** Several keys as a message shows them. */
export function showKeys(keys: Keys): string {
  return keys.join(", ");
}

/**
 * Refuses what cannot be a prefix. A prefix names keys, channels and ACL rules alike, so it is kept plain.
 * @throws LockUsageError
 */
export function checkPrefix(prefix: unknown): asserts prefix is string {
  if (typeof prefix !== "string" || !PREFIX.test(prefix)) {
    throw new LockUsageError(
      `prefix must be 1 to 64 characters of A-Z a-z 0-9 _ : . -, got ${showNamed("prefix", prefix)}`,
    );
  }
}

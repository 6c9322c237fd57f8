import type { LockName } from "../../contract/mode.ts";

const SPECIAL = /[{}%]/g;
const ENCODED = /%(7B|7D|25)/g;

/** Percent-encodes what would end the hash tag; injective, so that no two keys meet in one lock. */
export function encodeKey(key: string): string {
  return key.replace(SPECIAL, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The inverse of `encodeKey`. */
export function decodeKey(encoded: string): string {
  return encoded.replace(ENCODED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The Redis key that is the lock. Everything between the braces is one hash tag: one slot for all its keys. */
export function lockKey(name: LockName): string {
  return `${name.prefix}:{${encodeKey(name.key)}}`;
}

/** All keys of a lock, in the order in which the scripts declare them. */
export type LockKeys = readonly [
  lock: string,
  fence: string,
  queue: string,
  liveness: string,
  holders: string,
];

/** The last ones: a key is asked for and then released, and on a quorum at several nodes. */
let latest: { readonly name: LockName; readonly keys: LockKeys } | undefined;

export function lockKeys(name: LockName): LockKeys {
  if (latest?.name.key === name.key && latest.name.prefix === name.prefix) return latest.keys;
  const lock = lockKey(name);
  const keys: LockKeys = [lock, `${lock}:fence`, `${lock}:queue`, `${lock}:liveness`, `${lock}:holders`];
  latest = { name, keys };
  return keys;
}

/** The Redis key by which a server remembers that it is a member of the quorum of a prefix. */
export function memberKey(prefix: string): string {
  return `${prefix}:quorum`;
}

/** On which a process is told to ask. */
export function wakeChannel(prefix: string, process: string): string {
  return `${prefix}:wake:${process}`;
}

/** A SCAN pattern for the locks of a prefix. Only a checked prefix and the client's own go into it, escaped. */
export function scanPattern(keyPrefix: string, prefix: string): string {
  return `${(keyPrefix + prefix).replace(/[*?[\]\\^-]/g, "\\$&")}:{*}`;
}

/** The user's key of a Redis key that `scanPattern` found; null when it is none of ours. */
export function keyOf(keyPrefix: string, prefix: string, redisKey: string): string | null {
  const start = `${keyPrefix}${prefix}:{`;
  if (!redisKey.startsWith(start) || !redisKey.endsWith("}")) return null;
  return decodeKey(redisKey.slice(start.length, -1));
}

import { LockUsageError } from "./errors.ts";
import { quoted, show, showChoice } from "./show.ts";

/** The options of a call, by name: a record, so that the compiler finds one that is missing. */
export type OptionNames<Options> = { readonly [Name in keyof Required<Options>]: true };

/** Our names for what other lock libraries have, by their names in lower case. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  wait: ["timeout", "waittime", "waittimeout", "acquiretimeout", "acquiretimeoutms", "maxwait", "waitms"],
  ttl: [
    "duration",
    "locktimeout",
    "leasetime",
    "expire",
    "expires",
    "expiresin",
    "expiry",
    "ttlms",
    "px",
    "ex",
  ],
  renew: ["autoextend", "autorenew", "refresh", "refreshinterval", "automaticextensionthreshold", "extend"],
  retry: ["retries", "retrycount", "retrydelay", "retryjitter", "maxretries"],
  limit: ["retries", "count", "retrycount"],
  delay: ["retrydelay", "interval"],
  backend: ["client", "clients", "redis", "driver", "store", "adapter", "connection"],
  prefix: ["keyprefix", "namespace"],
  holder: ["identifier", "owner", "name", "id"],
  locks: ["lock", "backend", "redis", "client"],
  permits: ["limit", "max", "concurrency", "count", "size"],
  size: ["slots", "permits", "limit", "max", "count"],
  match: ["pattern", "filter", "prefix"],
  maxHold: ["maxttl", "maxlifetime", "timeout"],
  key: ["keys", "name", "resource", "resources", "lockkey"],
};

/**
 * Refuses options that are no object, and unknown ones, naming the nearest known one. `call` is what the user called, and
 * `example` what its options may look like. Undefined passes: many options may be left out.
 * @throws LockUsageError
 */
export function checkOptionNames<Options>(
  call: string,
  options: Options | undefined,
  names: OptionNames<Options>,
  example: string,
): void {
  if (options === undefined) return;
  if (!isRecord(options)) {
    throw new LockUsageError(
      `the options of ${call} must be an object such as ${example}, got ${show(options)}`,
    );
  }
  for (const name in options) {
    if (!Object.hasOwn(names, name) && Object.hasOwn(options, name)) {
      throw unknownOption(call, name, Object.keys(names));
    }
  }
}

/** Whether it has fields by name: no list, and no function. */
export function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Tells of an option that there is not, which may be a misspelt one, or what another library has in its place. */
export function unknownOption(call: string, name: string, known: readonly string[]): LockUsageError {
  return new LockUsageError(
    `${call} has no option ${quoted(name)}${guess(name, known)}; it has ${known.join(", ")}`,
  );
}

function guess(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined ? "" : `, perhaps ${meant} is meant`;
}

/** The known name that may be meant; undefined where none is near. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const elsewhere = known.find((one) => ELSEWHERE[one]?.includes(lower));
  if (elsewhere !== undefined) return elsewhere;
  const [best] = known
    .map((one) => ({ one, distance: distanceOf(lower, one.toLowerCase()) }))
    .filter(({ one, distance }) => distance <= Math.max(1, Math.floor(one.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return best?.one;
}

/** How many letters have to be changed, added or left out (Levenshtein). */
function distanceOf(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= Math.min(a.length, 40); row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const changed = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      line.push(Math.min(changed, (above[column] ?? 0) + 1, (line[column - 1] ?? 0) + 1));
    }
    above = line;
  }
  return above[b.length] ?? 0;
}

/** Refuses an event that there is not, which would never be heard, and what is no function. @throws LockUsageError */
export function checkListener(event: unknown, listener: unknown, known: readonly string[]): void {
  if (!known.includes(String(event))) {
    const hint = typeof event === "string" ? guess(event, known) : "";
    throw new LockUsageError(`there is no event ${showChoice(event)}${hint}; there are ${known.join(", ")}`);
  }
  if (typeof listener === "function") return;
  throw new LockUsageError(`a listener must be a function, got ${show(listener)}`);
}

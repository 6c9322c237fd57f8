import type { Clock } from "./clock.ts";
import { LockUsageError } from "./errors.ts";
import { show } from "./show.ts";

/** The longest ttl unless `maxTtl` says otherwise. */
export const DEFAULT_MAX_TTL = 86_400_000;

/**
 * Refuses what is no whole number in the range.
 * @throws LockUsageError
 */
export function checkCount(name: string, value: unknown, most: number, least = 1): asserts value is number {
  if (!Number.isSafeInteger(value) || Number(value) < least || Number(value) > most) {
    throw new LockUsageError(`${name} must be a whole number from ${least} to ${most}, got ${show(value)}`);
  }
}

/**
 * Refuses what is no whole number of milliseconds in the range.
 * @throws LockUsageError
 */
export function checkDuration(
  name: string,
  value: unknown,
  least: number,
  most: number,
): asserts value is number {
  if (!Number.isSafeInteger(value) || Number(value) < least || Number(value) > most) {
    const allowed = `a whole number of milliseconds from ${least} to ${most}`;
    throw new LockUsageError(`${name} must be ${allowed}, got ${show(value)}`);
  }
}

/** @throws LockUsageError */
export function checkClock(clock: unknown): asserts clock is Clock {
  const has = (method: keyof Clock) => typeof Object(clock)[method] === "function";
  if (has("now") && has("setTimer") && has("afterReads")) return;
  throw new LockUsageError(`clock must have the methods now, setTimer and afterReads, got ${show(clock)}`);
}

import { LockUsageError } from "../contract/errors.ts";
import { showNamed } from "../contract/show.ts";
import { checkCount } from "../contract/validate.ts";

const MOST_PERMITS = 1_000_000;
const MOST_SLOTS = 1_000;
const MAX_HOLDER_LENGTH = 256;

/** @throws LockUsageError */
export function checkPermits(permits: unknown): asserts permits is number {
  checkCount("permits", permits, MOST_PERMITS);
}

/** @throws LockUsageError */
export function checkSize(size: unknown): asserts size is number {
  checkCount("size", size, MOST_SLOTS);
}

/** @throws LockUsageError */
export function checkSlot(slot: unknown, size: number): asserts slot is number {
  checkCount("slot", slot, size);
}

/** @throws LockUsageError */
export function checkHolder(holder: unknown): asserts holder is string {
  if (typeof holder !== "string" || holder.length === 0 || holder.length > MAX_HOLDER_LENGTH) {
    throw new LockUsageError(
      `holder must be a string of 1 to ${MAX_HOLDER_LENGTH} characters, got ${showNamed("holder", holder)}`,
    );
  }
}

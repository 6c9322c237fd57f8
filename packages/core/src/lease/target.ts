import type { Keys } from "../contract/key.ts";
import type { LockMode } from "../contract/mode.ts";

/** What is to be locked, and how. */
export interface Target {
  readonly keys: Keys;
  readonly mode: LockMode;
}

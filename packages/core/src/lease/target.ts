import type { LockMode } from "../contract/backend.ts";
import type { Keys } from "../contract/key.ts";

/** What is to be locked, and how. */
export interface Target {
  readonly keys: Keys;
  readonly mode: LockMode;
}

import { type LocksSuiteOptions, testsOnLocks } from "./locks-suite.ts";
import { detachedTests } from "./modes/detached.ts";
import { holdingPermitsTests, holdingTests } from "./modes/holding.ts";
import { semaphoreTests } from "./modes/permits.ts";
import { poolTests } from "./modes/pool.ts";
import { readWriteTests } from "./modes/read-write.ts";
import { keysInOneStepTests, severalKeysTests } from "./modes/several-keys.ts";
import { ticketPermitsTests, ticketTests } from "./modes/tickets.ts";

export interface ModesSuiteOptions extends LocksSuiteOptions {
  /** Whether there are semaphores and pools: not on a quorum. Default true. */
  readonly permits?: boolean;
  /** Whether several keys are taken in one step: not in a cluster. Default true. */
  readonly keysInOneStep?: boolean;
}

/** What users of read/write locks, semaphores, pools, several keys and tickets are promised. */
export function modesSuite(options: ModesSuiteOptions): void {
  const { api, name, open, permits = true, keysInOneStep = true } = options;
  const test = testsOnLocks(api, open);

  api.describe(`modes: ${name}`, () => {
    api.describe("read/write", () => readWriteTests(test));
    api.describe("several keys", () => severalKeysTests(test));
    if (keysInOneStep) api.describe("several keys in one step", () => keysInOneStepTests(test));
    api.describe("tickets", () => ticketTests(test));
    api.describe("detached", () => detachedTests(test));
    api.describe("holding", () => holdingTests(test));
    if (!permits) return;
    api.describe("semaphore", () => semaphoreTests(test));
    api.describe("pool", () => poolTests(test));
    api.describe("tickets of permits", () => ticketPermitsTests(test));
    api.describe("holding permits", () => holdingPermitsTests(test));
  });
}

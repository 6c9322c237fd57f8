import type { BatchOptions } from "./batch.ts";
import type { ScriptRunner } from "./driver.ts";
import type { Script } from "./script.ts";
import type { ServerTime } from "./server-time.ts";

/** What all requests to one server have in common. Durations are milliseconds. */
export interface CommandsOptions extends BatchOptions {
  readonly fenceRetention: number;
  readonly time: ServerTime;
  /** How this process is named on the server. */
  readonly process: string;
}

/** Runs a script that is not on a hot path. */
export type RunOnce = (
  key: string | undefined,
  script: Script,
  keys: readonly string[],
  args: readonly string[],
  /** Where; by its keys if left out. */
  on?: ScriptRunner,
) => Promise<readonly string[]>;

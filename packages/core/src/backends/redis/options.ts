import { type Clock, systemClock } from "../../contract/clock.ts";
import { checkOptionNames, type OptionNames } from "../../contract/option-names.ts";
import { checkClock, checkCount, checkDuration } from "../../contract/validate.ts";

/** Options of the Redis backend. Durations are milliseconds. */
export interface RedisBackendOptions {
  /**
   * How long a single request may take before it counts as unanswered; what the client does on its own
   * (retries, offline queue) happens within it. Default 2000.
   */
  readonly requestTimeout?: number;
  /**
   * How long the fence counter of a key is kept after its last grant. Fencing tokens grow also over its loss
   * as long as the server's clock does not step back further than this. Default 3,600,000 (1 h).
   */
  readonly fenceRetention?: number;
  /**
   * How many replicas must know of a grant before it counts, 0 to 100: by WAIT, for at most a quarter of
   * `requestTimeout`, during which the connection waits, too. A grant that fewer know of is undone, and asked for
   * again while the caller waits; then a `LockBackendError`. It makes the loss of a lock by a failover less likely, not
   * impossible. Default 0.
   */
  readonly minReplicas?: number;
  /** For tests. Default: the machine's clock. */
  readonly clock?: Clock;
}

const OPTIONS: OptionNames<RedisBackendOptions> = {
  requestTimeout: true,
  fenceRetention: true,
  minReplicas: true,
  clock: true,
};

/** The options with their defaults. @throws LockUsageError */
export function checkOptions(options: RedisBackendOptions): Required<RedisBackendOptions> {
  checkOptionNames("a Redis backend", options, OPTIONS, "{ requestTimeout: 2000 }");
  const {
    requestTimeout = 2_000,
    fenceRetention = 3_600_000,
    minReplicas = 0,
    clock = systemClock,
  } = options;
  checkDuration("requestTimeout", requestTimeout, 1, 60_000);
  checkDuration("fenceRetention", fenceRetention, 1_000, 365 * 86_400_000);
  checkCount("minReplicas", minReplicas, 100, 0);
  checkClock(clock);
  return { requestTimeout, fenceRetention, minReplicas, clock };
}

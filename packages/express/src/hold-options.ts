import type { HoldTimes } from "./hold-times.ts";
import type { LockRouteOptions } from "./options.ts";

/** What a hold needs of the options of its route. */
export interface HoldOptions
  extends Pick<LockRouteOptions, "locks" | "onDisconnect" | "releaseAt" | "destroyOnLost"> {
  /** What is to be done before the lease is released. Must not reject. */
  readonly beforeRelease?: () => Promise<void>;
  /** Whether the work goes on when the lease is lost, and its answer counts. */
  readonly outlivesLease?: (() => boolean) | undefined;
  /** Gets told for how long keys were held. */
  readonly times: HoldTimes;
}

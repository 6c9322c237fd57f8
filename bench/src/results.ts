import type { ByHold } from "./workloads/contended.ts";
import type { Distinct } from "./workloads/distinct.ts";
import type { Sequential } from "./workloads/sequential.ts";
import type { Waiters } from "./workloads/waiters.ts";
import type { Entry } from "./workloads/workload.ts";

/** What one run has measured; a workload that was not asked for is left out. */
export interface Results {
  readonly sequential?: readonly Entry<Sequential>[];
  readonly distinct?: readonly Entry<Distinct>[];
  readonly contended?: readonly Entry<ByHold>[];
  readonly waiters?: readonly Entry<Waiters>[];
}

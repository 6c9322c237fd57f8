export { idempotent } from "./idempotency/idempotent.ts";
export type { IdempotentOptions } from "./idempotency/options.ts";
export {
  type IoredisRecordsClient,
  inProcessRecords,
  ioredisRecords,
  type NodeRedisRecordsClient,
  nodeRedisRecords,
  type RecordStore,
  type RecordsOptions,
} from "./idempotency/records.ts";
export { type KeySegment, lockKey } from "./key.ts";
export { lockRoute } from "./lock-route.ts";
export type {
  LockRouteOptions,
  ProblemOptions,
  Refusal,
  RouteKey,
  RouteLocks,
  RouteMode,
  ValidateOptions,
} from "./options.ts";
export { getLease } from "./route-lease.ts";

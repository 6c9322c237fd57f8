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
export type { RequestName } from "./idempotency/request.ts";
export { type Settled, type Settlement, settleIdempotent } from "./idempotency/settle.ts";

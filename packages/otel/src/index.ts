export { type ChannelOptions, instrumentRequests, instrumentTurns } from "./channels.ts";
export { instrument } from "./instrument.ts";
export { instrumentJobs } from "./jobs.ts";
export type { ObservedEvents, ObservedGuard, ObservedJobEvents, ObservedLocks } from "./observed.ts";
export type { InstrumentOptions } from "./options.ts";
export { traceContext } from "./trace-context.ts";

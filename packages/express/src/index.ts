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
export type { RequestTold } from "./told.ts";

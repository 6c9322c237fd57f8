export type { RedisDriver, Subscriber, SubscriberEars } from "./backends/redis/driver.ts";
export { RedisBackend } from "./backends/redis/redis-backend.ts";
export type { BackendNode } from "./contract/admin.ts";
export type {
  AcquireOutcome,
  AcquireRequest,
  Busy,
  ExtendOutcome,
  Granted,
  Lost,
  Ownership,
  ReleaseOutcome,
  Renewed,
} from "./contract/backend.ts";
export type { Clock, Instant, Timer } from "./contract/clock.ts";
export { type Host, useHost } from "./contract/host.ts";
export { type BackendSuiteOptions, backendSuite, type OpenBackends } from "./testing/backend-suite.ts";
export { type DriverSuiteOptions, driverSuite, type OpenDriver } from "./testing/driver-suite.ts";
export { FakeClock } from "./testing/fake-clock.ts";
export { type BackendMethod, FaultyBackend } from "./testing/faulty-backend.ts";
export { type LocksSuiteOptions, locksSuite, type OpenLocks } from "./testing/locks-suite.ts";
export { type ModesSuiteOptions, modesSuite } from "./testing/modes-suite.ts";
export { mutexOf } from "./testing/mutex-of.ts";
export type { TestApi } from "./testing/test-api.ts";

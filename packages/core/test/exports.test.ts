import { expect, it } from "vitest";

/** Public names are promises: a new one is added here on purpose, and none disappears by accident. */
it.each([
  {
    entry: "index",
    names: [
      "LockBackendError",
      "LockError",
      "LockLostError",
      "LockOverloadedError",
      "LockTimeoutError",
      "LockUsageError",
      "QuorumError",
      "createLocks",
      "isLockError",
    ],
  },
  {
    entry: "adapter",
    names: [
      "LazyAbort",
      "MAX_KEY_BYTES",
      "checkListener",
      "checkOptions",
      "detachedLeases",
      "helpWarnings",
      "isKey",
      "messagesOf",
      "redisScripts",
      "show",
      "showChoice",
      "systemClock",
      "tell",
      "tellingOn",
      "withoutSecrets",
    ],
  },
  { entry: "env", names: ["readRedisEnv"] },
  { entry: "health", names: ["checkHealth"] },
  { entry: "in-process", names: ["inProcessBackend"] },
  { entry: "ioredis", names: ["ioredisBackend"] },
  { entry: "node-redis", names: ["nodeRedisBackend"] },
  {
    entry: "testing",
    names: [
      "FakeClock",
      "FaultyBackend",
      "RedisBackend",
      "backendSuite",
      "driverSuite",
      "locksSuite",
      "modesSuite",
      "mutexOf",
      "useHost",
    ],
  },
])("the public names of $entry", async ({ entry, names }) => {
  const exported = (await import(`../src/${entry}.ts`)) as object;
  expect(Object.keys(exported).toSorted()).toEqual(names);
});

const assert = require("node:assert/strict");
const { createLocks, isLockError, LockUsageError } = require("@lock/core");
const { readRedisEnv } = require("@lock/core/env");
const { checkHealth } = require("@lock/core/health");
const { inProcessBackend } = require("@lock/core/in-process");
const { ioredisBackend } = require("@lock/core/ioredis");
const { nodeRedisBackend } = require("@lock/core/node-redis");
const { checkOptions } = require("@lock/core/adapter");
const { backendSuite } = require("@lock/core/testing");

for (const each of [ioredisBackend, nodeRedisBackend, checkOptions, checkHealth, readRedisEnv, backendSuite])
  assert.equal(typeof each, "function");
const locks = createLocks({ backend: inProcessBackend() });
locks
  .using("key", (lease) => assert.equal(lease.keys[0], "key"))
  .then(() =>
    assert.rejects(locks.acquire(""), (error) => isLockError(error) && error instanceof LockUsageError),
  )
  .then(() => import("@lock/core"))
  .then(async (esm) => {
    // Two copies of the package in one process: errors are told apart by their brand, not by their class.
    const error = await esm
      .createLocks({ backend: inProcessBackend() })
      .acquire("")
      .catch((reason) => reason);
    assert.ok(isLockError(error) && !(error instanceof LockUsageError));
    console.log("cjs works");
  });

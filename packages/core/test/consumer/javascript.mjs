import assert from "node:assert/strict";
import { createLocks, isLockError, LockUsageError } from "@lock/core";
import { readRedisEnv } from "@lock/core/env";
import { checkHealth } from "@lock/core/health";
import { inProcessBackend } from "@lock/core/in-process";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { backendSuite } from "@lock/core/testing";

for (const each of [ioredisBackend, nodeRedisBackend, checkHealth, readRedisEnv, backendSuite])
  assert.equal(typeof each, "function");
const locks = createLocks({ backend: inProcessBackend() });
assert.equal(await locks.using("key", (lease) => lease.keys[0]), "key");
await assert.rejects(locks.acquire(""), (error) => isLockError(error) && error instanceof LockUsageError);
console.log("esm works");

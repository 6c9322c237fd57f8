import { createRequire } from "node:module";
import { afterAll, expect, it } from "vitest";
import { wrongCalls } from "./support/wrong-calls.mjs";

const ofCore = createRequire(new URL("../packages/core/package.json", import.meta.url));

/** As an installed program has them: the built packages. */
const built = await Promise.all(
  [
    "core/dist/index.js",
    "core/dist/ioredis.js",
    "core/dist/node-redis.js",
    "core/dist/quorum.js",
    "core/dist/in-process.js",
    "core/dist/health.js",
    "core/dist/env.js",
    "express/dist/index.js",
    "express/dist/idempotent.js",
    "bullmq/dist/index.js",
    "memory/dist/index.js",
  ].map((file) => import(new URL(`../packages/${file}`, import.meta.url).href)),
);

const { Redis } = ofCore("ioredis");
const { createClient, createClientPool } = ofCore("redis");
const api = Object.assign({}, ...built);
const backend = api.inProcessBackend();
const locks = api.createLocks({ backend });
const on = {
  ...api,
  backend,
  locks,
  ioredis: new Redis({ lazyConnect: true }),
  nodeRedis: createClient(),
  nodeRedisPool: createClientPool(),
};

afterAll(() => locks.close());

it("covers forty calls and more", () => expect(wrongCalls.length).toBeGreaterThanOrEqual(40));

it.each(wrongCalls)("%s is refused in words", async (_call, call, said) => {
  const error: unknown = await Promise.resolve()
    .then(() => call(on))
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: "LockUsageError", code: "LOCK_USAGE" });
  for (const words of said) expect(String(error)).toContain(words);
  // Nothing of what was given that may be a secret.
  expect(String(error)).not.toContain("redis://localhost");
});

const assert = require("node:assert/strict");
const { createLocks } = require("@lock/core");
const { inProcessBackend } = require("@lock/core/in-process");
const { chatHistory, lockMemory } = require("@lock/memory");
const { redisMemory } = require("@lock/memory/redis");

const locks = createLocks({ backend: inProcessBackend() });
const memory = lockMemory(
  { loadMemoryVariables: async () => ({}), saveContext: async () => {} },
  { locks, sessionId: "a" },
);

memory
  .withTurn(({ fencingToken }) => fencingToken)
  .then((fence) => {
    assert.ok(fence > 0);
    assert.equal(typeof chatHistory, "function");
    assert.equal(typeof redisMemory, "function");
    console.log("cjs works");
  });

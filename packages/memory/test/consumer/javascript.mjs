import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { currentTurn, lockMemory, TurnEndedError } from "@lock/memory";
import { redisMemory, StaleWriteError } from "@lock/memory/redis";

const locks = createLocks({ backend: inProcessBackend() });
const messages = [];
const store = { read: async () => messages, write: async (message) => void messages.push(message) };
const methods = { read: ["read"], write: ["write"] };
const memory = lockMemory(store, { locks, sessionId: "a", methods });
const seen = await memory.withTurn(async (turn) => {
  await memory.write("hello");
  assert.equal(currentTurn("a")?.fencingToken, turn.fencingToken);
  return memory.read();
});
assert.deepEqual(seen, ["hello"]);
assert.equal(new TurnEndedError("a").code, "TURN_ENDED");
assert.equal(new StaleWriteError("a", 1, 2).code, "STALE_WRITE");
assert.throws(() => redisMemory({}, { sessionId: "a" }), { code: "LOCK_USAGE" });

// A program that has the package twice has one set of turns.
const copy = createRequire(import.meta.url)("@lock/memory");
await memory.withTurn((turn) => assert.equal(copy.currentTurn("a")?.fencingToken, turn.fencingToken));
console.log("esm works");

import assert from "node:assert/strict";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { instrument, instrumentJobs, traceContext } from "@lock/otel";

const locks = createLocks({ backend: inProcessBackend() });
const stop = instrument(locks);
await locks.using("a", () => undefined);
stop();
assert.deepEqual(traceContext(), {});
assert.throws(() => instrumentJobs({}), TypeError);
console.log("esm works");

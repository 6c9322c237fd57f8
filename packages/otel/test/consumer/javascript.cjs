const assert = require("node:assert/strict");
const { createLocks } = require("@lock/core");
const { inProcessBackend } = require("@lock/core/in-process");
const { instrument } = require("@lock/otel");

const locks = createLocks({ backend: inProcessBackend() });
const stop = instrument(locks);
locks
  .using("a", () => "done")
  .then((result) => {
    stop();
    assert.equal(result, "done");
    console.log("cjs works");
  });

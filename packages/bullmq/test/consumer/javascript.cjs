const assert = require("node:assert/strict");
const { DuplicateJobError, guardJobs } = require("@lock/bullmq");
const { createLocks } = require("@lock/core");
const { inProcessBackend } = require("@lock/core/in-process");

const locks = createLocks({ backend: inProcessBackend() });
const guard = guardJobs({ locks, strategy: "while-executing", key: { hash: "data" } });
const job = {
  id: "a",
  name: "build",
  data: {},
  queueName: "reports",
  attemptsMade: 0,
  attemptsStarted: 1,
  opts: {},
};
const work = guard.processor((_job, { fencingToken }) => fencingToken);

work(job, "token").then((fence) => {
  assert.ok(fence > 0);
  assert.equal(typeof DuplicateJobError, "function");
  console.log("cjs works");
});

import assert from "node:assert/strict";
import { DuplicateJobError, guardJobs } from "@lock/bullmq";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";

const jobs = new Map();
const queue = {
  name: "reports",
  add: async (name, data, opts) => {
    const job = {
      id: opts.jobId,
      queueName: "reports",
      name,
      data,
      opts,
      getState: async () => "waiting",
      remove: async () => {},
    };
    jobs.set(job.id, job);
    return job;
  },
  addBulk: async (all) => Promise.all(all.map(({ name, data, opts }) => queue.add(name, data, opts))),
  getJob: async (id) => jobs.get(id),
};
const locks = createLocks({ backend: inProcessBackend() });
const guard = guardJobs({ locks, strategy: "until-executed", key: { hash: "data" } });
const first = await guard.add(queue, "build", { report: "sales" });
const second = await guard.add(queue, "build", { report: "sales" });
assert.equal(first.added, true);
assert.deepEqual(second, { added: false, existing: { queue: "reports", jobId: first.job.id } });
assert.equal(guard.processor(() => {}).length, 3);
assert.equal(new DuplicateJobError("key", second.existing).code, "JOB_DUPLICATE");
console.log("esm works");

import { guardJobs } from "@lock/bullmq";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { Redis } from "ioredis";

/** Claims a key, says so, and never adds its job: it is to be killed. */
const [url = "", name = "", strategy = "", scope] = process.argv.slice(2);
const guard = guardJobs({
  locks: createLocks({ backend: ioredisBackend(new Redis(url)) }),
  strategy,
  key: ({ data }) => data.report,
  window: 60_000,
  ...(scope && { scope }),
});
const never = () => new Promise(() => undefined);
const queue = {
  name,
  addBulk: never,
  getJob: never,
  add: () => {
    process.send?.("claimed");
    return never();
  },
};
await guard.add(queue, "build", { report: "sales" });

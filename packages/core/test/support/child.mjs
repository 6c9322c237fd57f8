// A process of its own that locks: driven by messages, so that tests can stop, block and kill it.
// Plain JavaScript on the built package, as a user's service would be.
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { Redis } from "ioredis";
import { createClient } from "redis";

const [url, library] = process.argv.slice(2);
const client = library === "ioredis" ? new Redis(url) : await createClient({ url }).connect();
const backend = library === "ioredis" ? ioredisBackend(client) : nodeRedisBackend(client);
const locks = createLocks({ backend, holder: `child ${process.pid}` });
const leases = new Map();
const bare = [];
const exit = () => process.exit();

const commands = {
  acquire: async ({ key, ...options }) => {
    const lease = await locks.acquire(key, options);
    leases.set(key, lease);
    lease.signal.addEventListener("abort", () => {
      process.send?.({
        event: "lost",
        key,
        reason: lease.signal.reason.reason,
        at: performance.timeOrigin + performance.now(),
      });
    });
    return {
      fencingToken: lease.fencingToken,
      validFor: lease.validFor,
      at: performance.timeOrigin + performance.now(),
    };
  },
  release: ({ key }) => leases.get(key).release(),
  validFor: ({ key }) => leases.get(key).validFor,
  // Queues many waiters; each tells when it is served, and releases.
  queue: async ({ key, count, ...options }) => {
    for (let index = 0; index < count; index++) {
      locks
        .using(key, { wait: "forever", ...options }, (lease) => {
          const { token, fencingToken } = lease;
          process.send?.({ event: "served", key, index, token: token.slice(0, 8), fencingToken });
        })
        .catch((error) => {
          if (error.code !== "LOCK_USAGE") throw error;
        });
    }
  },
  // Queues so many waiters that the memory of each counts: nothing is kept for one but what the library keeps.
  crowd: async ({ key, count, ...options }) => {
    const serve = (lease) => {
      const { token, fencingToken } = lease;
      process.send?.({ event: "served", key, token: token.slice(0, 8), fencingToken });
      return lease.release();
    };
    for (let index = 0; index < count; index++)
      void locks.acquire(key, { wait: "forever", ...options }).then(serve);
  },
  // As many promises that nothing settles.
  bare: ({ count }) => {
    for (let index = 0; index < count; index++) {
      bare.push(new Promise(() => undefined));
      void bare.at(-1).then(() => undefined);
    }
  },
  // What is really in use: garbage that is still there says nothing.
  heap: async () => {
    // Whatever was asked before has been answered when this has.
    await locks.inspect("nothing");
    for (let turn = 0; turn < 5; turn++) {
      globalThis.gc?.();
      await new Promise((resume) => setTimeout(resume, 20));
    }
    return process.memoryUsage().heapUsed;
  },
  // Many callers add one to a number in the most careless way.
  count: async ({ key, callers, rounds }) => {
    const run = (...words) => (library === "ioredis" ? client.call(...words) : client.sendCommand(words));
    const caller = async () => {
      for (let round = 0; round < rounds; round++) {
        await locks.using(key, { wait: "forever" }, async (lease) => {
          const read = Number(await run("GET", "count"));
          await run("RPUSH", "fences", String(lease.fencingToken));
          await run("SET", "count", String(read + 1));
        });
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
  },
  block: ({ ms }) => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  },
  close: async () => {
    await locks.close();
    if (library === "ioredis") client.disconnect();
    else client.destroy();
    // From here on the process must end because nothing is left to do.
    process.off("disconnect", exit);
    process.disconnect();
  },
};

process.on("message", async ({ id, command, ...options }) => {
  try {
    const result = await commands[command](options);
    if (process.connected) process.send({ id, result });
  } catch (error) {
    process.send?.({ id, error: { code: error.code, message: error.message } });
  }
});
process.on("disconnect", exit);
process.on("unhandledRejection", (error) => {
  process.send?.({ event: "unhandled", message: String(error) });
});
process.send?.({ event: "ready" });

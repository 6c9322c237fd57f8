// A process that acquires and releases as fast as it is let, and writes down what it believes: one line at a time,
// appended at once, so that nothing is lost when it is killed. Plain JavaScript on the built package.
import { openSync, writeSync } from "node:fs";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { nodeRedisBackend } from "@lock/core/node-redis";
import { quorumBackend } from "@lock/core/quorum";
import { Redis } from "ioredis";
import { createClient } from "redis";

const { url, quorum, library, log, workers, budget, ttl, task } = JSON.parse(process.argv[2]);
const connect = async (kind, to) => {
  const made = kind === "ioredis" ? new Redis(to) : createClient({ url: to });
  // Servers are killed on purpose.
  made.on("error", () => undefined);
  if (kind !== "ioredis") await made.connect();
  return made;
};
const client = await connect(library, url);
const call = (...words) => (library === "ioredis" ? client.call(...words) : client.sendCommand(words));
const backendOf = (kind, made) => (kind === "ioredis" ? ioredisBackend(made) : nodeRedisBackend(made));
const kinds = quorum?.urls.map((_, index) => (index % 2 === 0 ? "ioredis" : "node-redis"));
const clients = await Promise.all(kinds?.map((kind, index) => connect(kind, quorum.urls[index])) ?? []);
const nodes = clients.map((each, index) => backendOf(kinds[index], each));
const backend = quorum ? quorumBackend(nodes, quorum.options) : backendOf(library, client);
const locks = createLocks({ backend, ttl, wait: "forever", holder: `child ${process.pid}` });

const file = openSync(log, "a");
/** One monotonic clock for all processes of the machine, in microseconds. */
const now = () => Number(process.hrtime.bigint() / 1_000n);
const write = (line) => writeSync(file, `${JSON.stringify({ process: process.pid, at: now(), ...line })}\n`);
const pause = (ms) => new Promise((resume) => (ms > 0 ? setTimeout(resume, ms) : setImmediate(resume)));
const random = (most) => Math.floor(Math.random() * most);

/** What to acquire in a turn: how, and under which names it excludes others. */
const turns = {
  semaphore: ({ key, permits }) => ({
    lock: locks.semaphore(key, { permits }),
    keys: [key],
    mode: "permits",
  }),
  readWrite: ({ key, writers }) => {
    const mode = Math.random() < writers ? "write" : "read";
    return { lock: locks.readWrite(key)[mode], keys: [key], mode };
  },
  severalKeys: ({ keys, pick }) => {
    const left = Array.from({ length: keys }, (_, index) => `several ${index}`);
    const picked = Array.from({ length: pick }, () => left.splice(random(left.length), 1)[0]);
    return { lock: locks.readWrite(picked).write, keys: picked, mode: "write" };
  },
};

async function worker(name) {
  // A budget that all processes share; what a killed one took is lost.
  for (let turn = 0; Number(await call("DECR", budget)) >= 0; turn++) {
    const { lock, keys, mode } = turns[task.kind](task);
    const id = `${process.pid} ${name} ${turn}`;
    write({ event: "asks", id, keys, mode });
    const lease = await lock.acquire();
    const { fencingToken } = lease;
    write({ event: "holds", id, keys, mode, fencingToken });
    await pause(random(task.hold + 1));
    // Only what is still believed counts as held until here.
    write({ event: lease.validFor > 0 ? "releases" : "lost", id, keys, mode, fencingToken });
    await lease.release();
  }
}

process.on("disconnect", () => process.exit());
process.send?.("ready");
process.once("message", async () => {
  await Promise.all(Array.from({ length: workers }, (_, index) => worker(index)));
  await locks.close();
  for (const each of [client, ...clients]) each instanceof Redis ? each.disconnect() : each.destroy();
  process.disconnect();
});

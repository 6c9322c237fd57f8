// A process of its own that serves locked routes: plain JavaScript on the built package, as a user's service would be.
import { setTimeout as pause } from "node:timers/promises";
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { getLease, lockKey, lockRoute } from "@lock/express";
import { Redis } from "ioredis";

const [url, major, form] = process.argv.slice(2);
const { default: express } = await import(major === "4" ? "express4" : "express");
const redis = new Redis(url);
const locks = createLocks({ backend: ioredisBackend(redis), ttl: 2_000 });
const told = { overlaps: 0, ran: 0, forgotten: 0 };

/** Whoever runs beside somebody else sees it here: Redis counts both. */
async function work(req, res) {
  told.ran += 1;
  if ((await redis.incr(`running:${req.params.key}`)) !== 1) told.overlaps += 1;
  const { signal } = getLease(res);
  const ms = Number(req.query.ms ?? 0);
  const heeds = req.query.heeds === "1";
  await pause(ms, undefined, heeds ? { signal } : {}).catch(() => undefined);
  await redis.decr(`running:${req.params.key}`);
  if (req.query.forget === "1" && res.destroyed) told.forgotten += 1;
  else res.json({ fence: getLease(res).fencingToken });
}

const app = express();
const key = (req) => lockKey`shop:${req.params.key}`;
for (const [path, options] of [
  ["/fast/:key", { locks, key }],
  // Longer than a loaded machine may stand still: an attempt that is not answered in time is an outage.
  ["/patient/:key", { locks, key, wait: 5_000 }],
  ["/fickle/:key", { locks, key, wait: 300, maxHold: 3_000 }],
]) {
  if (form === "wrapper") app.post(path, lockRoute(options, work));
  // Express 4 would not notice a rejection.
  else app.post(path, lockRoute(options), (req, res, next) => void work(req, res).catch(next));
}

const server = app.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
let probe;
server.on("connection", (socket) => {
  probe = socket;
});

process.on("disconnect", () => process.exit());
process.on("message", async () => {
  await new Promise((resolve) => server.getConnections((_error, count) => resolve(count))).then(
    (connections) => {
      process.send({
        ...told,
        connections,
        sockets: process.getActiveResourcesInfo().filter((name) => name.startsWith("TCPSocket")).length,
        listeners: probe?.listenerCount("close") ?? 0,
      });
    },
  );
});

import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { lockKey, lockRoute } from "@lock/express";
import express, { type RequestHandler } from "express";
import { Redis } from "ioredis";

/** A process that serves one route in several ways: what it costs to lock it is the difference. */
const redis = new Redis(process.argv[2] ?? "");
const locks = createLocks({ backend: ioredisBackend(redis) });
let orders = 0;
const nextKey = () => lockKey`order:${++orders}`;

const plain: RequestHandler = async (req, res) => {
  const key = nextKey();
  await redis.get(key);
  const answer = { id: req.body.id, charged: true };
  await redis.get(key);
  res.json(answer);
};
const work: RequestHandler = async (req, res) => {
  res.json({ id: req.body.id, charged: true });
};
const options = { locks, key: nextKey };

const app = express();
app.use(express.json());
app.post("/plain", plain);
app.post("/wrapper", lockRoute(options, work));
app.post("/middleware", lockRoute(options), work);
app.post("/core", (req, res, next) => locks.using(nextKey(), { wait: 0 }, () => work(req, res, next)));

const server = app.listen(0, "127.0.0.1", () => process.send?.(server.address()));
process.on("disconnect", () => process.exit());

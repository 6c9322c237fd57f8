import { createLocks, type Lease, type LocksWithoutPermits } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { getLease, type LockRouteOptions, lockKey, lockRoute } from "@lock/express";
import {
  idempotent,
  inProcessRecords,
  ioredisRecords,
  nodeRedisRecords,
  type RecordStore,
} from "@lock/express/idempotent";
import express, { type RequestHandler, Router } from "express";
import { Redis } from "ioredis";
import { createClient } from "redis";

const locks: LocksWithoutPermits = createLocks({ backend: inProcessBackend() });
const app = express();
const router = Router();

app.post(
  "/orders/:id/charge",
  lockRoute<{ id: string }>({ locks, key: (req) => lockKey`order:${req.params.id}` }, async (req, res) => {
    const id: string = req.params.id;
    const lease: Lease | undefined = getLease(res);
    res.json({ id, body: req.body, fence: lease?.fencingToken });
  }),
);
app.use(lockRoute({ locks, key: "everything", mode: "auto", wait: "forever" }));
app.delete(
  "/orders/:id",
  lockRoute({ locks, key: (req) => lockKey`order:${req.params.id}` }, async (req, res) => {
    res.json({ id: req.params.id, why: req.body.why, by: req.query.by });
  }),
);
router.get("/", lockRoute({ locks, key: ["a", "b"] }), (_req, res) => void res.send("ok"));

const typed: RequestHandler<{ id: string }, { ok: boolean }, { cents: number }> = (req, res) => {
  res.json({ ok: req.body.cents > 0 && req.params.id !== "" });
};
app.put("/orders/:id", lockRoute({ locks, key: (req) => lockKey`order:${req.params.id}` }, typed));

export const stores: RecordStore[] = [
  inProcessRecords(),
  ioredisRecords(new Redis()),
  nodeRedisRecords(createClient(), { prefix: "answers" }),
];
app.post(
  "/orders",
  idempotent({ locks, records: inProcessRecords(), tenant: (req) => req.hostname, required: true }),
);
app.post(
  "/payments",
  idempotent(
    { locks, records: inProcessRecords(), tenant: () => "" },
    async (_req, res) => void res.send("ok"),
  ),
);

export const options: LockRouteOptions = {
  locks,
  key: async (req) => (req.query.unlocked === undefined ? "key" : null),
  handler: (_req, res, _next, { retryAfter }) => void res.status(409).send(String(retryAfter)),
  problem: { type: "https://shop.test/busy", key: true },
  validate: { mountedTwice: false, tenantOf: (req) => req.hostname },
};
// @ts-expect-error there is no such status
lockRoute({ locks, key: "key", contentionStatus: 400 });
// @ts-expect-error a key is needed
lockRoute({ locks });
// @ts-expect-error idempotent needs to know the tenant
idempotent({ locks, records: inProcessRecords() });

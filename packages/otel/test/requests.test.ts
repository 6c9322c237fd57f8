import { once } from "node:events";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { FaultyBackend } from "@lock/core/testing";
import { lockRoute } from "@lock/express";
import { idempotent, inProcessRecords } from "@lock/express/idempotent";
import express, { type NextFunction, type Request, type Response } from "express";
import { expect, it, onTestFinished } from "vitest";
import { instrumentRequests } from "../src/index.ts";
import { listen } from "./support/listen.ts";
import { startMetering } from "./support/metering.ts";
import { startTracing } from "./support/tracing.ts";

const tracing = startTracing();

function start() {
  const { meter, points } = startMetering();
  onTestFinished(instrumentRequests({ meter }));
  const backend = new FaultyBackend(inProcessBackend());
  const locks = createLocks({ backend });
  onTestFinished(() => locks.close());
  return { backend, locks, counted: () => points("lock.requests") };
}

const REFUSED = { "lock.event": "refused", value: 1 };

it("refusals of a busy key are counted by their route, by whatever they are answered, and told on the span", async () => {
  const { locks, counted } = start();
  await locks.acquire("order:1");
  const app = express();
  app.use((_req, res, next) => {
    void tracing.within("request", async () => {
      next();
      await once(res, "close");
    });
  });
  const orders = express.Router();
  app.use("/api", orders);
  const key = "order:1";
  const done = (_req: Request, res: Response) => void res.json({});
  orders.post("/orders/:id", lockRoute({ locks, key, contentionStatus: 423 }), done);
  const handler = (_req: Request, res: Response) => void res.status(503).end();
  orders.put("/orders/:id", lockRoute({ locks, key, handler }), done);
  const url = await listen(app);
  for (const method of ["POST", "PUT"]) await fetch(`${url}/api/orders/1`, { method });
  expect(await counted()).toEqual([
    {
      ...REFUSED,
      "http.route": "/api/orders/:id",
      "http.response.status_code": 423,
      "lock.code": "LOCK_BUSY",
    },
    {
      ...REFUSED,
      "http.route": "/api/orders/:id",
      "http.response.status_code": 409,
      "lock.code": "LOCK_BUSY",
    },
  ]);
  await expect.poll(() => tracing.spans("request")).toHaveLength(2);
  const [span] = tracing.spans("request");
  expect(span?.events.map(({ name }) => name)).toEqual(["lock.requests refused"]);
});

it("faults of the backend are counted once, by an app with error handlers or without", async () => {
  const { backend, locks, counted } = start();
  backend.fail("tryAcquire", undefined, Number.POSITIVE_INFINITY);
  const app = express();
  app.get("/page", lockRoute({ locks, key: "a" }), (_req, res) => void res.json({}));
  app.get("/own", lockRoute({ locks, key: "a" }), (_req, res) => void res.json({}));
  app.use("/own", (_error: Error, _req: Request, res: Response, _next: NextFunction) => {
    res.status(500).end();
  });
  const url = await listen(app);
  for (const path of ["/page", "/own"]) await fetch(url + path);
  const facts = { ...REFUSED, "http.response.status_code": 503, "lock.code": "LOCK_BACKEND" };
  expect(await counted()).toEqual([
    { ...facts, "http.route": "/page" },
    { ...facts, "http.route": "/own" },
  ]);
});

it("replays are counted, and idempotency keys that are refused", async () => {
  const { locks, counted } = start();
  const once = idempotent({ locks, records: inProcessRecords(), tenant: () => "one" });
  const app = express();
  app.use(express.json());
  app.post("/orders", once, (_req, res) => void res.status(201).json({}));
  const url = await listen(app);
  const send = (item: number) =>
    fetch(`${url}/orders`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": '"k"' },
      body: JSON.stringify({ item }),
    });
  for (const item of [1, 1, 1, 2]) await send(item);
  expect(await counted()).toEqual([
    { "lock.event": "replayed", "http.route": "/orders", "http.response.status_code": 201, value: 2 },
    {
      ...REFUSED,
      "http.route": "/orders",
      "http.response.status_code": 422,
      "lock.code": "IDEMPOTENCY_KEY_REUSED",
    },
  ]);
});

it("nothing is counted after it was stopped, and wrong options are refused in words", async () => {
  const { meter, points } = startMetering();
  const stop = instrumentRequests({ meter });
  const locks = createLocks({ backend: inProcessBackend() });
  onTestFinished(() => locks.close());
  await locks.acquire("a");
  const app = express();
  app.get("/", lockRoute({ locks, key: "a" }), (_req, res) => void res.json({}));
  const url = await listen(app);
  await fetch(url);
  stop();
  await fetch(url);
  expect((await points("lock.requests")).map(({ value }) => value)).toEqual([1]);
  expect(() => instrumentRequests({ keyOf: String } as never)).toThrow(
    'instrumentRequests has no option "keyOf"; it has meter',
  );
});

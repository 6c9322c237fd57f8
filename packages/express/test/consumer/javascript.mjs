import assert from "node:assert/strict";
import { once } from "node:events";
import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { getLease, lockKey, lockRoute } from "@lock/express";
import { idempotent, inProcessRecords, ioredisRecords, nodeRedisRecords } from "@lock/express/idempotent";
import express from "express";

const locks = createLocks({ backend: inProcessBackend() });
const held = await locks.acquire("order:busy");
const app = express();
app.use(express.json());
app.use(idempotent({ locks, records: inProcessRecords(), tenant: () => "" }));
app.post(
  "/orders/:id",
  lockRoute({ locks, key: (req) => lockKey`order:${req.params.id}` }, async (_req, res) => {
    res.send(getLease(res).keys[0]);
  }),
);
for (const each of [ioredisRecords, nodeRedisRecords]) assert.equal(typeof each, "function");

const server = app.listen(0, "127.0.0.1");
await once(server, "listening");
const ask = async (id) => {
  const url = `http://127.0.0.1:${server.address().port}/orders/${id}`;
  const response = await fetch(url, { method: "POST", headers: { "idempotency-key": `key-${id}` } });
  return [response.status, await response.text()];
};
assert.deepEqual(await ask("7"), [200, "order:7"]);
assert.equal((await ask("busy"))[0], 409);
// Both entries share what they know of a response: a refusal by the one is not kept by the other.
await held.release();
assert.deepEqual(await ask("busy"), [200, "order:busy"]);
server.closeAllConnections();
server.close();
console.log("esm works");

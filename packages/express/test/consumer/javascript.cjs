const assert = require("node:assert/strict");
const { once } = require("node:events");
const { createLocks } = require("@lock/core");
const { inProcessBackend } = require("@lock/core/in-process");
const { getLease, lockRoute } = require("@lock/express");
const { idempotent, inProcessRecords } = require("@lock/express/idempotent");
const express = require("express");

async function main() {
  const locks = createLocks({ backend: inProcessBackend() });
  const held = await locks.acquire("key");
  const app = express();
  app.use(idempotent({ locks, records: inProcessRecords(), tenant: () => "" }));
  app.post(
    "/",
    lockRoute({ locks, key: "key" }, async (_req, res) => {
      res.send(getLease(res).keys[0]);
    }),
  );
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const ask = async () => {
    const url = `http://127.0.0.1:${server.address().port}/`;
    return (await fetch(url, { method: "POST", headers: { "idempotency-key": "a" } })).status;
  };
  assert.equal(await ask(), 409);
  // Both entries share what they know of a response: a refusal by the one is not kept by the other.
  await held.release();
  assert.equal(await ask(), 200);
  server.closeAllConnections();
  server.close();
  console.log("cjs works");
}

main();

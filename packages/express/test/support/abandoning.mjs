// A process that begins the work of a request and never ends it: to be killed.
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { idempotent, ioredisRecords } from "@lock/express/idempotent";
import express from "express";
import { Redis } from "ioredis";

const redis = new Redis(process.argv[2]);
const locks = createLocks({ backend: ioredisBackend(redis) });
const app = express();
app.use(express.json());
app.post(
  "/orders/:id",
  idempotent(
    { locks, records: ioredisRecords(redis), tenant: () => "", onAbandoned: "refuse", ttl: 1_000 },
    async () => {
      process.send("begun");
      await new Promise(() => undefined);
    },
  ),
);
const server = app.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { newestOrOlder } from "@lock/redis-harness/vitest";
import compression from "compression";
import type { RequestHandler } from "express";
import { describe, expect, it } from "vitest";
import { idempotent, inProcessRecords } from "../../src/idempotent.ts";
import { listen } from "../support/app.ts";
import { ask, send } from "../support/client.ts";
import { expresses } from "../support/expresses.ts";
import { useLocks } from "../support/locks.ts";
import { forms, newKey, post, shopOn } from "./orders.ts";

const scene = useLocks();
const shop = shopOn(scene);
const long = "long ".repeat(200);

describe.each(newestOrOlder(forms))("$name, $form", (combination) => {
  it.each([408, 425, 429, 500, 503])("an answer that says try again is not kept: %i", async (status) => {
    const { url, done } = await shop(combination, (_req, res) => void res.sendStatus(status));
    const key = newKey();
    for (let turn = 0; turn < 2; turn++) expect((await ask(url, post(key))).status).toBe(status);
    expect(done()).toBe(2);
  });

  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
  ])("an answer in %s is given again to a client that knows no encoding", async (encoding, encode) => {
    const { url, done } = await shop(combination, (_req, res) => {
      res.setHeader("Content-Encoding", encoding);
      res.type("text").end(encode(long));
    });
    const key = newKey();
    await ask(url, post(key));
    const raw = await send(url, "POST", { ...post(key).headers, "content-length": "0" }).response;
    expect(raw.statusCode).toBe(422);
    const again = await ask(url, post(key, { cents: 5 }, { "accept-encoding": "identity" }));
    expect([again.headers.get("content-encoding"), again.body, done()]).toEqual([null, long, 1]);
  });

  it.each([
    ["a bomb", gzipSync(Buffer.alloc(2_000_000))],
    ["no gzip", Buffer.from("no gzip")],
  ])("an answer whose encoding hides %s is done, and not kept", async (_what, body) => {
    const { url, done } = await shop(combination, (_req, res) => {
      res.setHeader("Content-Encoding", "gzip");
      res.end(body);
    });
    const key = newKey();
    await ask(url, post(key)).catch(() => undefined);
    const again = await ask(url, post(key));
    expect([again.status, JSON.parse(again.body).code, done()]).toEqual([
      409,
      "IDEMPOTENCY_ANSWER_NOT_KEPT",
      1,
    ]);
  });

  const lines = async function* () {
    for (let line = 0; line < 2_000; line++) yield "x".repeat(20_000);
  };

  it.each<[string, RequestHandler]>([
    ["pipeline", async (_req, res, next) => pipeline(Readable.from(lines()), res).catch(next)],
    ["pipe", (_req, res) => void Readable.from(lines()).pipe(res)],
  ])("work whose client left in the middle of its answer is not done again: %s", async (_what, work) => {
    const { url, done } = await shop(combination, work);
    const key = newKey();
    const request = send(url, "POST", { "idempotency-key": key });
    await request.response;
    request.leave();
    const retry = () => ask(url, { headers: { "idempotency-key": key } });
    await expect.poll(async () => JSON.parse((await retry()).body).code).toBe("IDEMPOTENCY_ANSWER_NOT_KEPT");
    expect((await retry()).headers.get("retry-after")).toBeNull();
    expect(done()).toBe(1);
  });
});

describe.each(newestOrOlder(expresses))("$name", ({ express }) => {
  it("what middleware in front set and a handler took away stays away", async () => {
    const app = express();
    app.use((_req, res, next) => {
      res.setHeader("X-Frame-Options", "SAMEORIGIN");
      next();
    });
    const options = { locks: scene.locks, records: inProcessRecords(), tenant: () => "" };
    app.post(
      "/",
      idempotent(options, (_req, res) => {
        res.removeHeader("X-Frame-Options");
        res.send("done");
      }),
    );
    const { url } = await listen(app);
    for (let turn = 0; turn < 2; turn++) {
      const { headers } = await ask(url, { headers: { "idempotency-key": "a" } });
      expect(headers.get("x-frame-options")).toBeNull();
    }
  });

  it.each(["in front of", "behind"])("compression %s it: each client has its own encoding", async (place) => {
    const app = express();
    const options = { locks: scene.locks, records: inProcessRecords(), tenant: () => "" };
    const both = [compression({ threshold: 0 }), idempotent(options)];
    app.post("/", ...(place === "behind" ? both.toReversed() : both), (_req, res) => void res.send(long));
    const { url } = await listen(app);
    const as = (encoding: string) =>
      ask(url, { headers: { "idempotency-key": `"${place}"`, "accept-encoding": encoding } });
    const first = await as("gzip");
    await expect.poll(async () => (await as("identity")).headers.get("idempotent-replayed")).toBe("true");
    const again = await as("identity");
    expect([first.headers.get("content-encoding"), first.body]).toEqual(["gzip", long]);
    expect([again.headers.get("content-encoding"), again.body]).toEqual([null, long]);
  });

  it("is the same request by another case of its mount, and with another slash at its end", async () => {
    let done = 0;
    const work: RequestHandler = (_req, res) => {
      done += 1;
      res.send("done");
    };
    const options = { locks: scene.locks, records: inProcessRecords(), tenant: () => "" };
    const [routed, used] = [express.Router(), express.Router()];
    routed.post("/pay", idempotent(options, work));
    used.use(idempotent(options));
    used.post("/pay", work);
    const { url } = await listen(express().use("/api", routed).use("/v2", used));
    const headers = { "idempotency-key": "a" };
    const statuses = [];
    for (const path of ["/api/pay", "/api/pay/", "/API/pay", "/v2/pay", "/v2/pay/"]) {
      statuses.push((await ask(url + path, { headers })).status);
    }
    expect(statuses).toEqual([200, 200, 422, 200, 200]);
    expect(done).toBe(2);
  });
});

import { once } from "node:events";
import { Agent, request } from "node:http";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { lockRoute } from "@lock/express";
import {
  type IdempotentOptions,
  idempotent,
  inProcessRecords,
  settleIdempotent,
} from "@lock/express/idempotent";
import { gate } from "@lock/redis-harness/vitest";
import compression from "compression";
import { Router } from "express";
import { describe, it } from "vitest";
import { eventually, isFree } from "./support/await.ts";
import { closeServers, post, type RequestHandler, serve } from "./support/http.ts";
import { type Process, useScene } from "./support/scene.ts";

const scene = useScene();
closeServers();

const options = ({ locks }: Process, more: Partial<IdempotentOptions> = {}): IdempotentOptions => {
  // The locks of one test are none of another's.
  const tenant = scene.key();
  return { locks, records: inProcessRecords(), tenant: () => tenant, ...more };
};
const codeOf = ({ body }: { readonly body: string }) => JSON.parse(body).code;

describe.concurrent("idempotency keys", () => {
  it("VilledeMontreal/express-idempotency#32: a key is in use until its ttl ends, if the answer went by end, pipe or sendFile, or its handler threw", async ({
    expect,
  }) => {
    const process = scene.open();
    const file = fileURLToPath(import.meta.url);
    const ways: Record<string, RequestHandler> = {
      end: (_req, res) => void res.end("done"),
      pipe: (_req, res) => void Readable.from(["done"]).pipe(res),
      sendFile: (_req, res) => res.sendFile(file),
    };
    const failing: RequestHandler = async () => {
      throw new Error("broken");
    };
    const url = await serve(
      (app) => {
        for (const [way, handler] of Object.entries(ways))
          app.post(`/${way}`, idempotent(options(process)), handler);
        app.post("/throw", idempotent(options(process), failing));
      },
      { major: 4 },
    );
    for (const way of Object.keys(ways)) {
      const first = await post(`${url}/${way}`, "key");
      const again = await post(`${url}/${way}`, "key");
      expect([again.status, again.body]).toEqual([200, first.body]);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
    }
    for (let turn = 0; turn < 2; turn++) expect((await post(`${url}/throw`, "key")).status).toBe(500);
  });

  it("VilledeMontreal/express-idempotency#32: a client that leaves in the middle of the answer leaves its key in use", async ({
    expect,
  }) => {
    const process = scene.open();
    const [begun, key] = [gate(), scene.key()];
    const endless: RequestHandler = (_req, res) => {
      Readable.from(
        (async function* () {
          for (;;) {
            yield "x".repeat(1_000);
            begun.open();
            await new Promise((resume) => setTimeout(resume, 5));
          }
        })(),
      ).pipe(res);
    };
    const url = await serve((app) => app.post("/", lockRoute({ locks: process.locks, key }), endless), {
      major: 4,
    });
    const leave = new AbortController();
    const left = post(url, undefined, {}, leave.signal).catch((error: Error) => error.name);
    await begun.opened;
    leave.abort();
    expect(await left).toBe("AbortError");
    await eventually("free", () => isFree(process.locks, key));
  });

  it("aws-powertools/powertools-lambda-python#8049: the retry of a payment whose process has died runs the payment again", async ({
    expect,
  }) => {
    const records = inProcessRecords();
    const never = gate();
    let paid = 0;
    const pay: RequestHandler = async (_req, res) => {
      paid += 1;
      if (paid === 1) await never.opened;
      res.send("paid");
    };
    const given = options(scene.open(), { records, tenant: () => "", onAbandoned: "refuse", maxHold: 300 });
    const url = await serve((app) => app.post("/payments", idempotent(given, pay)));
    const first = post(`${url}/payments`, "key").catch(() => undefined);
    await eventually("abandoned", async () => codeOf(await post(`${url}/payments`, "key")) === "ABANDONED");
    expect(paid).toBe(1);
    const asked = { method: "POST", route: "/payments", key: "key" };
    expect(await settleIdempotent(records, { tenant: "", request: asked, as: "retry" })).toBe("settled");
    expect((await post(`${url}/payments`, "key")).body).toBe("paid");
    never.open();
    await first;
  });

  it("getsentry/junior#33: a request that is refused for a busy lock leaves its mark, and its retry is dropped", async ({
    expect,
  }) => {
    const [process, rival] = [scene.open(), scene.open()];
    const done: RequestHandler = (_req, res) => void res.send("done");
    for (const contentionStatus of [409, 423, 429, 503] as const) {
      const key = scene.key();
      const lock = lockRoute({ locks: process.locks, key, contentionStatus });
      const url = await serve((app) => {
        app.post("/outside", idempotent(options(process)), lock, done);
        app.post("/inside", lock, idempotent(options(process)), done);
      });
      const held = await rival.locks.acquire(key);
      for (const path of ["/outside", "/inside"]) {
        expect((await post(url + path, "key")).status).toBe(contentionStatus);
      }
      await held.release();
      for (const path of ["/outside", "/inside"]) expect((await post(url + path, "key")).body).toBe("done");
    }
  });

  it("ietf-wg-httpapi/idempotency#46: a replay cannot be told from a first answer, and a key meets that of another endpoint", async ({
    expect,
  }) => {
    const given = options(scene.open());
    let paid = 0;
    const pay: RequestHandler = (_req, res) => void res.send(`payment ${++paid}`);
    const router = Router().post("/pay", idempotent(given, pay));
    const url = await serve((app) => app.use("/v1", router).use("/v2", router));
    const told = async (path: string) => {
      const { status, headers, body } = await post(url + path, "key");
      return [status, headers.get("idempotent-replayed"), status === 200 ? body : codeOf({ body })];
    };
    expect(await told("/v1/pay")).toEqual([200, null, "payment 1"]);
    for (const path of ["/v1/pay", "/v1/pay/"]) expect(await told(path)).toEqual([200, "true", "payment 1"]);
    // Another url to the same endpoint: it is not done again.
    expect(await told("/V1/pay")).toEqual([422, null, "IDEMPOTENCY_KEY_REUSED"]);
    expect(await told("/v2/pay")).toEqual([200, null, "payment 2"]);
  });
});

describe.concurrent("locks of routes", () => {
  it("expressjs/compression#188, expressjs/compression#164, expressjs/compression#120: the end of an answer is swallowed when its client has left, and what waits for it hangs", async ({
    expect,
  }) => {
    const process = scene.open();
    const key = scene.key();
    const begun = gate();
    const url = await serve((app) =>
      app.post(
        "/",
        lockRoute({ locks: process.locks, key }),
        compression({ threshold: 0 }),
        async (_req, res) => {
          res.type("text").write("begin");
          begun.open();
          await once(res, "close");
          res.end("end");
        },
      ),
    );
    const leave = new AbortController();
    const left = post(url, undefined, { "accept-encoding": "gzip" }, leave.signal).catch(() => "left");
    await begun.opened;
    leave.abort();
    expect(await left).toBe("left");
    await eventually("free", () => isFree(process.locks, key));
  });

  it("felanios/murlock#33: two requests of one process share an identity, and both have the lock", async ({
    expect,
  }) => {
    const process = scene.open();
    const go = gate();
    let inside = 0;
    const url = await serve((app) =>
      app.post(
        "/",
        lockRoute({ locks: process.locks, key: scene.key() }, async (_req, res) => {
          inside += 1;
          await go.opened;
          res.send("done");
        }),
      ),
    );
    // Over connections that are kept, as a proxy in front of a service does.
    const agent = new Agent({ keepAlive: true, maxSockets: 2 });
    const status = async () => {
      const sent = request(url, { method: "POST", agent }).end();
      const [{ statusCode }] = await once(sent, "response").then(([answer]) => [answer.resume()]);
      return statusCode;
    };
    const first = status();
    await eventually("inside", () => inside === 1);
    expect([await status(), inside]).toEqual([409, 1]);
    go.open();
    expect(await first).toBe(200);
    expect(await status()).toBe(200);
    agent.destroy();
  });
});

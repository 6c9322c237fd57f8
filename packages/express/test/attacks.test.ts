import { connect } from "node:net";
import { PassThrough, pipeline } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import v8 from "node:v8";
import type { RequestHandler } from "express";
import { describe, expect, it } from "vitest";
import { Hold } from "../src/hold.ts";
import { idempotent, inProcessRecords } from "../src/idempotent.ts";
import { lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask, send } from "./support/client.ts";
import { expresses } from "./support/expresses.ts";
import { appOf, combinations } from "./support/forms.ts";
import { gate } from "./support/gate.ts";
import { useLocks } from "./support/locks.ts";

/** What an adversarial review has found: each of these once failed. */
const scene = useLocks();

describe.each(combinations)("$name, $form", (combination) => {
  it.each([
    ["an ArrayBuffer", (res) => res.end(new ArrayBuffer(8)), 500],
    ["a number", (res) => res.end(123), 500],
    ["a number after a chunk", (res) => res.write("x") && res.end(123), undefined],
    [
      "less than it has announced",
      (res) => {
        Object.assign(res, { strictContentLength: true });
        res.setHeader("Content-Length", 5).end("abc");
      },
      undefined,
    ],
  ] satisfies [string, (res: import("express").Response) => unknown, number | undefined][])(
    "survives a handler that ends the answer with %s",
    async (_what, end, status) => {
      const key = scene.key();
      const handler: RequestHandler = async (_req, res) => void end(res);
      const app = appOf(combination, { locks: scene.locks, key }, (req, res, next) => {
        Promise.resolve(handler(req, res, next)).catch(next);
      });
      const { url } = await listen(app);
      const answer = await ask(url).catch(() => ({ status: undefined }));
      expect(answer.status).toBe(status);
      await scene.free(key);
    },
  );

  it.each([
    ["destroys the response", (res) => void setImmediate(() => res.destroy())],
    [
      "pipes a source that fails",
      (res) => {
        const source = new PassThrough();
        pipeline(source, res, () => undefined);
        setImmediate(() => source.destroy(new Error("broken")));
      },
    ],
  ] satisfies [string, (res: import("express").Response) => void][])(
    "releases when the handler %s",
    async (_what, end) => {
      const key = scene.key();
      const app = appOf(combination, { locks: scene.locks, key }, (_req, res) => {
        res.write("x");
        end(res);
      });
      const { url } = await listen(app);
      const response = await send(url).response;
      await expect(response.toArray()).rejects.toThrow("aborted");
      await scene.free(key);
    },
  );

  it("calls the callbacks of ends that are ignored", async () => {
    const app = appOf(combination, { locks: scene.locks, key: scene.key() }, async (_req, res) => {
      const first = new Promise<void>((resolve) => res.end("first", resolve));
      await new Promise<void>((resolve) => res.end(resolve));
      await new Promise<void>((resolve) => res.write("more", () => resolve()));
      await first;
    });
    const { url } = await listen(app);
    expect((await ask(url)).body).toBe("first");
    await scene.free("key");
  });

  it("forgets pipelined requests when they are answered", async () => {
    const app = appOf(combination, { locks: scene.locks, key: () => scene.key() }, (_req, res) => {
      res.send("done");
    });
    const { port } = await listen(app);
    const socket = connect(port, "127.0.0.1");
    const count = () =>
      (v8 as unknown as { queryObjects(of: unknown, options: object): number }).queryObjects(Hold, {
        format: "count",
      });
    const before = count();
    let answers = 0;
    socket.on("data", (chunk) => {
      answers += String(chunk).split("HTTP/1.1 200").length - 1;
    });
    for (let burst = 1; burst <= 10; burst++) {
      socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".repeat(10));
      await expect.poll(() => answers).toBe(burst * 10);
    }
    await expect.poll(count).toBeLessThan(before + 20);
    socket.destroy();
  });
});

describe.each(expresses)("$name", ({ express }) => {
  it.each(["lockRoute", "idempotent"])(
    "%s lets go of its key when the client leaves before an inner lock",
    async (outer) => {
      const { locks, rivals } = scene;
      const [a, b] = [scene.key(), scene.key()];
      const held = await rivals.acquire(b);
      const app = express();
      const records = inProcessRecords();
      const first =
        outer === "lockRoute"
          ? lockRoute({ locks, key: a })
          : idempotent({ locks, records, tenant: () => a });
      app.post("/", first, lockRoute({ locks, key: b, wait: 60_000 }), (_req, res) => void res.send("done"));
      const { url } = await listen(app);
      const headers = { "idempotency-key": a };
      const leaving = new AbortController();
      const left = ask(url, { headers, signal: leaving.signal }).catch(() => "left");
      await expect.poll(async () => (await rivals.inspect(b))?.waiting).toBe(1);
      leaving.abort();
      await left;
      await expect.poll(async () => (await rivals.inspect(b))?.waiting).toBe(0);
      await held.release();
      await expect.poll(async () => (await ask(url, { headers })).status).toBe(200);
    },
  );

  it("releases when an error is reported after the headers, also by a handler without a promise", async () => {
    const key = scene.key();
    const app = express();
    app.set("env", "test");
    app.post(
      "/",
      lockRoute({ locks: scene.locks, key }, (_req, res, next) => {
        res.write("x");
        setImmediate(() => next(new Error("late")));
      }),
    );
    const { url } = await listen(app);
    const response = await send(url).response;
    await expect(response.toArray()).rejects.toThrow("aborted");
    await scene.free(key);
  });

  it("does not close a connection on which another request is when a handler fails after its loss", async () => {
    const { locks, rivals } = scene;
    const key = scene.key();
    const [started, fail, failed] = [gate(), gate(), gate()];
    const app = express();
    app.set("env", "test");
    app.post(
      "/",
      lockRoute({ locks, key, ttl: 600 }, (_req, _res, next) => {
        started.open();
        void fail.opened.then(() => {
          next(new Error("too late"));
          failed.open();
        });
      }),
    );
    app.post("/other", async (_req, res) => {
      fail.open();
      await failed.opened;
      await new Promise(setImmediate);
      res.send("alive");
    });
    const { port } = await listen(app);
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => {
      text += String(chunk);
    });
    const post = (path: string) =>
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
    post("/");
    await started.opened;
    await rivals.forceRelease(key);
    await expect.poll(() => text).toContain("HTTP/1.1 503");
    post("/other");
    await expect.poll(() => text).toContain("alive");
    socket.destroy();
  });

  it("answers once when two locks are lost together, and leaves it to the app's error handler", async () => {
    const { locks, rivals } = scene;
    const [a, b] = [scene.key(), scene.key()];
    const started = gate();
    const app = express();
    let errors = 0;
    app.post(
      "/",
      lockRoute({ locks, key: a, maxHold: 400 }),
      lockRoute({ locks, key: b, maxHold: 400 }, () => started.open()),
    );
    app.use((async (error, _req, res, _next) => {
      errors += 1;
      await rivals.inspect(a);
      res.status(error.status).send("mine");
    }) satisfies import("express").ErrorRequestHandler);
    const { url } = await listen(app);
    expect(await ask(url)).toMatchObject({ status: 503, body: "mine" });
    expect(errors).toBe(1);
  });
});

describe.each(expresses)("$name, idempotent", ({ express }) => {
  const headers = { "content-type": "application/json", "idempotency-key": "k" };

  async function shop(work: RequestHandler, options: object = {}) {
    const app = express();
    app.set("env", "test");
    app.use(express.json());
    const given = { locks: scene.locks, records: inProcessRecords(), tenant: () => scene.key(), ...options };
    app.post("/orders/:id", idempotent(given, work));
    const { url } = await listen(app);
    return (id = "1", body: object = {}) =>
      ask(`${url}/orders/${id}`, { headers, body: JSON.stringify(body) });
  }

  it("keeps nothing of an answer that Node refused", async () => {
    let broken = true;
    const order = await shop(
      async (_req, res) => {
        res.status(201);
        if (broken) res.end({ bad: 1 });
        else res.send("done");
      },
      { tenant: () => "" },
    );
    expect((await order()).status).toBe(500);
    broken = false;
    expect(await order()).toMatchObject({ status: 201, body: "done" });
  });

  it("does no work when the lease is lost before the work begins", async () => {
    const real = inProcessRecords();
    let reads = 0;
    let done = 0;
    const records = {
      write: real.write,
      read: async (id: string) => {
        reads += 1;
        if (reads === 2) {
          await scene.rivals.forceRelease(`idempotency:${id}`);
          await pause(900);
        }
        return real.read(id);
      },
    };
    const order = await shop((_req, res) => void res.send(String(++done)), {
      records,
      ttl: 600,
      tenant: () => "",
    });
    expect((await order()).status).toBe(503);
    expect(done).toBe(0);
  });

  it.each([
    ["a promise", async () => "a"],
    ["nothing", () => undefined],
  ])("refuses a tenant that is %s", async (_what, tenant) => {
    const order = await shop((_req, res) => void res.send("done"), { tenant });
    expect((await order()).status).toBe(500);
  });

  it("does not keep that a lock could not be reached", async () => {
    const app = express();
    app.set("env", "test");
    const [outer, inner] = [scene.rivals, scene.locks];
    app.post(
      "/",
      idempotent({ locks: outer, records: inProcessRecords(), tenant: () => "", keepServerErrors: true }),
      lockRoute({ locks: inner, key: scene.key() }, (_req, res) => void res.send("done")),
    );
    const { url } = await listen(app);
    scene.proxy.blackhole();
    expect((await ask(url, { headers })).status).toBe(503);
    scene.proxy.heal();
    await expect.poll(async () => (await ask(url, { headers })).status).toBe(200);
  });

  it("sends and keeps repeated headers", async () => {
    const order = await shop(
      (_req, res) => void res.writeHead(200, ["Link", "<x>", "Link", "<y>", "X-One", "1"]).end("done"),
      { tenant: () => "" },
    );
    for (const replayed of [null, "true"]) {
      const answer = await order();
      expect([answer.headers.get("link"), answer.headers.get("x-one")]).toEqual(["<x>, <y>", "1"]);
      expect(answer.headers.get("idempotent-replayed")).toBe(replayed);
    }
  });

  it("keeps the urls of one route apart, also with a fingerprint of its own; methods in any case", async () => {
    const options = { fingerprint: () => "same", tenant: () => "", methods: ["post"] };
    const order = await shop((req, res) => void res.send(String(req.params.id)), options);
    expect((await order("1")).body).toBe("1");
    expect((await order("2")).status).toBe(422);
    expect((await order("1")).headers.get("idempotent-replayed")).toBe("true");
  });
});

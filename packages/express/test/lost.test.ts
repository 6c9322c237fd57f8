import { connect } from "node:net";
import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import type { ErrorRequestHandler } from "express";
import { describe, it } from "vitest";
import { getLease, lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask, send } from "./support/client.ts";
import { expresses } from "./support/expresses.ts";
import { appOf, combinations } from "./support/forms.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();

describe.concurrent.each(newestOrOlder(combinations))("$name, $form: a lease that is lost", (combination) => {
  it("before the headers: next gets the LockLostError with status 503, and the signal aborts", async () => {
    const { locks, rivals } = scene;
    const key = scene.key();
    const [started, aborted] = [gate(), gate<unknown>()];
    const errors: unknown[] = [];
    const app = appOf(combination, { locks, key, ttl: 600 }, (_req, res) => {
      const signal = getLease(res)?.signal;
      signal?.addEventListener("abort", () => aborted.open(signal.reason));
      started.open();
    });
    app.use(((error, _req, res, _next) => {
      errors.push(error);
      res.status(error.status).send(error.code);
    }) satisfies ErrorRequestHandler);
    const { url } = await listen(app);
    const answer = ask(url);
    await started.opened;
    await rivals.forceRelease(key);
    const { status, headers, body } = await answer;
    expect([status, headers.get("retry-after"), body]).toEqual([503, null, "LOCK_LOST"]);
    expect(await aborted.opened).toMatchObject({ code: "LOCK_LOST", key });
    expect(errors).toEqual([await aborted.opened]);
  });

  it("is answered with 503 by Express itself where there is no error handler", async () => {
    const { locks, rivals } = scene;
    const key = scene.key();
    const started = gate();
    const app = appOf(combination, { locks, key, ttl: 600 }, () => started.open());
    const { url } = await listen(app);
    const answer = ask(url);
    await started.opened;
    await rivals.forceRelease(key);
    const { status, headers } = await answer;
    expect([status, headers.get("retry-after")]).toEqual([503, null]);
  });

  it("what the handler answers too late harms nobody", async () => {
    const { locks, rivals } = scene;
    const key = scene.key();
    const [started, goOn, ended] = [gate(), gate(), gate()];
    const app = appOf(combination, { locks, key, ttl: 600 }, async (_req, res) => {
      started.open();
      await goOn.opened;
      res.status(201).set("x-late", "1").cookie("a", "b").json({ late: true });
      res.write("more");
      res.end();
      ended.open();
    });
    const { url } = await listen(app);
    const answer = ask(url);
    await started.opened;
    await rivals.forceRelease(key);
    expect((await answer).status).toBe(503);
    goOn.open();
    await ended.opened;
    expect((await ask(`${url}/none`)).status).toBe(404);
  });

  it("after the headers: the response goes on, or is destroyed where that is wanted", async () => {
    const { locks, rivals } = scene;
    for (const destroyOnLost of [false, true]) {
      const key = scene.key();
      const app = appOf(combination, { locks, key, ttl: 600, destroyOnLost }, (_req, res) => {
        getLease(res)?.signal.addEventListener("abort", () => res.end("end"));
        res.write("begin-");
      });
      const { url } = await listen(app);
      const response = await send(url).response;
      await rivals.forceRelease(key);
      const read = response.toArray().then((chunks) => chunks.join(""), String);
      expect(await read).toBe(destroyOnLost ? "Error: aborted" : "begin-end");
    }
  });
});

describe.concurrent.each(newestOrOlder(expresses))("$name", ({ express }) => {
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
    }) satisfies ErrorRequestHandler);
    const { url } = await listen(app);
    expect(await ask(url)).toMatchObject({ status: 503, body: "mine" });
    expect(errors).toBe(1);
  });
});

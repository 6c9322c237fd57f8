import { gate, newestOrOlder } from "@lock/redis-harness/vitest";
import type { ErrorRequestHandler, RequestHandler } from "express";
import { describe, expect, it, onTestFinished } from "vitest";
import { lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask, send } from "./support/client.ts";
import { expresses } from "./support/expresses.ts";
import { appOf, combinations } from "./support/forms.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();
const teapot = () => Object.assign(new Error("broken"), { status: 418 });

describe.each(newestOrOlder(combinations))("$name, $form", (combination) => {
  it.each([
    [
      "throws",
      () => {
        throw teapot();
      },
    ],
    ["calls next with an error", (_req, _res, next) => next(teapot())],
  ] satisfies [string, import("express").RequestHandler][])(
    "holds until the error handler has answered a handler that %s",
    async (_what, handler) => {
      const key = scene.key();
      const [failed, answer] = [gate(), gate()];
      const app = appOf(combination, { locks: scene.locks, key }, handler);
      app.use((async (error, _req, res, _next) => {
        failed.open();
        await answer.opened;
        res.status(error.status).send(error.message);
      }) satisfies ErrorRequestHandler);
      const { url } = await listen(app);
      const first = ask(url);
      await failed.opened;
      expect((await ask(url)).status).toBe(409);
      answer.open();
      expect(await first).toMatchObject({ status: 418, body: "broken" });
      expect(await scene.rivals.inspect(key)).toBeNull();
    },
  );

  it("gives next what the key, the skip or the mode throws, and locks nothing", async () => {
    const { locks } = scene;
    const fail = () => {
      throw teapot();
    };
    for (const options of [
      { key: fail },
      { key: () => Promise.reject(teapot()) },
      { key: "key", skip: fail },
      { key: "key", mode: fail },
    ]) {
      const app = appOf(combination, { locks, ...options }, (_req, res) => void res.send("done"));
      const { url } = await listen(app);
      expect((await ask(url)).status).toBe(418);
    }
    expect(await scene.rivals.inspect("key")).toBeNull();
  });

  it.each([undefined, "", [], [""], 42, {}])("refuses %j as a key", async (key) => {
    let message = "";
    const options = { locks: scene.locks, key: () => key as string };
    const app = appOf(combination, options, (_req, res) => void res.send("done"));
    app.use(((error, _req, res, _next) => {
      message = `${error.code} ${error.message}`;
      res.sendStatus(500);
    }) satisfies ErrorRequestHandler);
    const { url } = await listen(app);
    expect((await ask(url)).status).toBe(500);
    expect(message).toMatch(/^LOCK_USAGE .*key/);
  });
});

describe.each(newestOrOlder(expresses))("$name", ({ express, major }) => {
  it("catches what an asynchronous handler throws in the wrapper form", async () => {
    const key = scene.key();
    const app = express();
    app.set("env", "test");
    app.post(
      "/",
      lockRoute({ locks: scene.locks, key }, async () => {
        await scene.rivals.inspect(key);
        throw teapot();
      }),
    );
    app.post(
      "/nothing",
      lockRoute({ locks: scene.locks, key }, () => Promise.reject()),
    );
    const { url } = await listen(app);
    expect((await ask(url)).status).toBe(418);
    expect((await ask(`${url}/nothing`)).status).toBe(500);
    expect(await scene.rivals.inspect(key)).toBeNull();
  });

  it("releases when the connection is cut by an error after the headers", async () => {
    const key = scene.key();
    const app = express();
    app.set("env", "test");
    app.post(
      "/",
      lockRoute({ locks: scene.locks, key }, async (_req, res) => {
        res.write("some");
        await scene.rivals.inspect(key);
        throw teapot();
      }),
    );
    const { url } = await listen(app);
    const response = await send(url).response;
    await expect(response.toArray()).rejects.toThrow("aborted");
    await scene.free(key);
  });

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

  it("goes on to the next handlers, and holds until they have answered", async () => {
    const key = scene.key();
    const [reached, answer] = [gate(), gate()];
    const app = express();
    app.post(
      "/",
      lockRoute({ locks: scene.locks, key }, async (_req, _res, next) => next()),
      async (_req, res) => {
        reached.open();
        await answer.opened;
        res.send("done");
      },
    );
    const { url } = await listen(app);
    const first = send(url);
    await reached.opened;
    first.leave();
    // Nobody sees the second handler settle.
    await expect.poll(async () => (await ask(url)).status).toBe(409);
    answer.open();
    await scene.free(key);
  });

  it(`has only maxHold for an asynchronous throw behind the middleware form${major === 4 ? "" : ", or the error handler"}`, async () => {
    const key = scene.key();
    const app = express();
    app.set("env", "test");
    app.post("/", lockRoute({ locks: scene.locks, key, maxHold: 500 }), async (_req, res) => {
      // Express 4 has nobody to catch it: what would be an unhandled rejection is one that never comes.
      if (major === 4) await new Promise(() => undefined);
      res.statusCode = 418;
      throw teapot();
    });
    const { url } = await listen(app);
    // Express 4: when the lease is lost after maxHold.
    expect((await ask(url)).status).toBe(major === 4 ? 503 : 418);
    await scene.free(key);
  });
});

describe.each(newestOrOlder(expresses).filter(({ major }) => major === 4))("$name", ({ express }) => {
  it("does not report a failure twice where a package reports those of handlers itself", async () => {
    const app = express();
    app.set("env", "test");
    // As express-async-errors does it: whatever is assigned as the handler of a layer is wrapped.
    const [layer] = express
      .Router()
      .route("/")
      .get(() => undefined).stack as [object];
    const handles = new WeakMap<object, RequestHandler>();
    Object.defineProperty(Object.getPrototypeOf(layer), "handle", {
      configurable: true,
      get(this: object) {
        return handles.get(this);
      },
      set(this: object, handle: RequestHandler) {
        const wrapped: RequestHandler = (req, res, next) => {
          const result: unknown = handle(req, res, next);
          if (result instanceof Promise) result.catch(next);
          return result;
        };
        handles.set(this, handle.length > 3 ? handle : wrapped);
      },
    });
    onTestFinished(() => {
      Reflect.deleteProperty(Object.getPrototypeOf(layer), "handle");
    });
    const key = scene.key();
    let errors = 0;
    app.post("/", lockRoute({ locks: scene.locks, key }), async () => {
      throw teapot();
    });
    app.use(((error, _req, res, _next) => {
      errors += 1;
      res.sendStatus(error.status);
    }) satisfies ErrorRequestHandler);
    const { url } = await listen(app);
    for (let turn = 1; turn < 3; turn++) {
      expect((await ask(url)).status).toBe(418);
      expect(errors).toBe(turn);
    }
    await scene.free(key);
  });
});

import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { createRequire } from "node:module";
import type { ErrorRequestHandler, Express, RequestHandler, Response } from "express";
import session from "express-session";
import { beforeEach, describe, expect, it } from "vitest";
import { idempotent, inProcessRecords } from "../src/idempotent.ts";
import { lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask, send } from "./support/client.ts";
import { endingMiddlewares } from "./support/ends.ts";
import { expresses } from "./support/expresses.ts";
import { gate } from "./support/gate.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();

/** Whether nobody holds the key. */
const isFree = async (key: string) => (await scene.rivals.inspect(key)) === null;

/** Held since an earlier test, which failed. */
const before = new Set<string>();
beforeEach(async () => {
  for await (const lock of scene.rivals.list()) before.add(lock.key);
});

/** Leaves, and waits until the server has noticed. */
async function leave(res: Response, request: { leave(): void }): Promise<void> {
  const closed = once(res, "close");
  request.leave();
  await closed;
  // What is released at once has reached the server by then.
  for (let turn = 0; turn < 20; turn++) await scene.redis.ping();
}

/** Collects unhandled rejections instead of vitest, until the returned function is called. */
function unhandledRejections() {
  const seen: unknown[] = [];
  const listener = (error: unknown) => seen.push(error);
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", listener);
  return {
    seen,
    stop: () => {
      process.off("unhandledRejection", listener);
      for (const other of others) process.on("unhandledRejection", other);
    },
  };
}

const idempotency = (tenant: string, more = {}) => ({
  locks: scene.locks,
  records: inProcessRecords(),
  tenant: () => tenant,
  ...more,
});

describe.each(expresses)("$name", ({ express, major }) => {
  const newApp = (): Express => {
    const app = express();
    app.set("env", "test");
    return app;
  };

  describe("two locks behind a middleware with work in its end: both are free afterwards", () => {
    it.each(endingMiddlewares)("$name", async ({ make }) => {
      const [a, b] = [scene.key(), scene.key()];
      const app = newApp();
      app.post(
        "/",
        make(async () => void (await scene.redis.ping())),
        lockRoute({ locks: scene.locks, key: a }),
        lockRoute({ locks: scene.locks, key: b }),
        (_req, res) => void res.send("done"),
      );
      const { url } = await listen(app);
      expect((await ask(url)).body).toBe("done");
      await expect.poll(() => isFree(b), { timeout: 2_000 }).toBe(true);
      await expect.poll(() => isFree(a), { timeout: 2_000 }).toBe(true);
    });
    it("express-session, idempotent, lockRoute: the second try is answered by the first", async () => {
      const [a, b] = [scene.key(), scene.key()];
      const app = newApp();
      app.post(
        "/",
        session({ secret: "x", resave: true, saveUninitialized: true }),
        idempotent(idempotency(a)),
        lockRoute({ locks: scene.locks, key: b }),
        (_req, res) => void res.send("done"),
      );
      const { url } = await listen(app);
      const headers = { "idempotency-key": "k" };
      expect((await ask(url, { headers })).status).toBe(200);
      await expect.poll(async () => (await ask(url, { headers })).status, { timeout: 2_000 }).toBe(200);
    });
  });

  it.each(endingMiddlewares.filter(({ name }) => /transaction|anew/.test(name)))(
    "two locks in front of $name: both are held while it works for a client who has left",
    async ({ make }) => {
      const [a, b] = [scene.key(), scene.key()];
      const [started, finish, working, worked] = [gate<Response>(), gate(), gate(), gate()];
      const app = newApp();
      app.post(
        "/",
        lockRoute({ locks: scene.locks, key: a }),
        lockRoute({ locks: scene.locks, key: b }),
        make(async () => {
          working.open();
          await worked.opened;
        }),
        async (_req, res) => {
          started.open(res);
          await finish.opened;
          res.send("done");
        },
      );
      const { url } = await listen(app);
      const request = send(url);
      await leave(await started.opened, request);
      finish.open();
      await working.opened;
      for (let turn = 0; turn < 20; turn++) await scene.redis.ping();
      const free = [await isFree(a), await isFree(b)];
      worked.open();
      expect(free).toEqual([false, false]);
      await scene.free(a);
    },
  );

  describe("a handler that is asynchronous and goes on: what follows is under the lock", () => {
    const onward: [string, string | undefined][] = [
      ["next()", undefined],
      ["next('route')", "route"],
      ["next('router')", "router"],
    ];
    it.each(onward)("%s", async (_what, how) => {
      const key = scene.key();
      const [started, finish] = [gate<Response>(), gate()];
      const app = newApp();
      app.post("/", lockRoute({ locks: scene.locks, key }), async (_req, _res, next) => {
        await scene.redis.ping();
        next(how as "route");
      });
      const last: RequestHandler = (_req, res) => {
        started.open(res);
        void finish.opened.then(() => res.send("done"));
      };
      if (how === "router") {
        const outer = newApp();
        outer.use(app, last);
        await check(outer);
      } else {
        app.use(last);
        await check(app);
      }
      async function check(all: Express) {
        const { url } = await listen(all);
        const request = send(url);
        await leave(await started.opened, request);
        const free = await isFree(key);
        finish.open();
        expect(free).toBe(false);
        await scene.free(key);
      }
    });
  });

  describe("a handler that is asynchronous and fails: the key is free when its client has left", () => {
    const fails =
      (failed: { open(res: Response): void }): RequestHandler =>
      async (_req, res) => {
        failed.open(res);
        throw new Error("broken");
      };
    const mounts: [string, (app: Express, key: string, handler: RequestHandler) => void][] = [
      [
        "app.all(lock), app.post(handler)",
        (app, key, handler) => {
          app.all("/", lockRoute({ locks: scene.locks, key }));
          app.post("/", handler);
        },
      ],
      [
        "wrapper that calls next, handler",
        (app, key, handler) => {
          app.post(
            "/",
            lockRoute({ locks: scene.locks, key }, (_req, _res, next) => next()),
            handler,
          );
        },
      ],
      [
        "lock, next('route')",
        (app, key, handler) => {
          app.post("/", lockRoute({ locks: scene.locks, key }), (_req, _res, next) => next("route"));
          app.post("/", handler);
        },
      ],
      [
        "idempotent by all",
        (app, key, handler) => {
          app.all("/", idempotent(idempotency(key)));
          app.post("/", handler);
        },
      ],
    ];
    it.each(mounts)("%s", async (_what, mount) => {
      const key = scene.key();
      const failed = gate<Response>();
      const app = newApp();
      mount(app, key, fails(failed));
      const rejections = unhandledRejections();
      try {
        const { url } = await listen(app);
        const request = send(url, "POST", { "idempotency-key": key });
        const res = await failed.opened;
        if (major === 4) await leave(res, request);
        await expect.poll(held, { timeout: 2_000 }).toBe(0);
      } finally {
        rejections.stop();
      }
    });
  });

  describe("a wrapped handler with callbacks behind another lock: the outer key is held, too", () => {
    const outers: [string, (key: string) => RequestHandler][] = [
      ["lockRoute", (key) => lockRoute({ locks: scene.locks, key })],
      ["idempotent", (key) => idempotent(idempotency(key))],
    ];
    it.each(outers)("%s", async (_what, outer) => {
      const [a, b] = [scene.key(), scene.key()];
      const [started, finish] = [gate<Response>(), gate()];
      const app = newApp();
      app.post(
        "/",
        outer(a),
        lockRoute({ locks: scene.locks, key: b, onDisconnect: "hold" }, (_req, res) => {
          started.open(res);
          void finish.opened.then(() => res.send("done"));
        }),
      );
      const { url } = await listen(app);
      const request = send(url, "POST", { "idempotency-key": a });
      const res = await started.opened;
      expect(await held()).toBe(2);
      await leave(res, request);
      const count = await held();
      finish.open();
      expect(count).toBe(2);
      await expect.poll(held).toBe(0);
    });
    it("the work is done once under one Idempotency-Key", async () => {
      const [a, b] = [scene.key(), scene.key()];
      const [started, finish] = [gate<Response>(), gate()];
      let done = 0;
      const app = newApp();
      app.post(
        "/",
        idempotent(idempotency(a, { wait: 5_000 })),
        lockRoute({ locks: scene.locks, key: b, wait: 5_000 }, (_req, res) => {
          started.open(res);
          void finish.opened.then(() => {
            done += 1;
            res.send(`done ${done}`);
          });
        }),
      );
      const { url } = await listen(app);
      const headers = { "idempotency-key": a };
      const request = send(url, "POST", headers);
      await leave(await started.opened, request);
      finish.open();
      await expect.poll(() => done).toBe(1);
      expect(await ask(url, { headers })).toMatchObject({ body: "done 1" });
      expect(done).toBe(1);
    });
  });

  it("a rejection that its handler deals with is not told to the process", async () => {
    const key = scene.key();
    const app = newApp();
    const failing: RequestHandler = (_req, _res, next) => {
      const work = Promise.reject(new Error("broken"));
      work.catch(next);
      return work as never;
    };
    app.post("/bare", failing);
    app.post("/locked", lockRoute({ locks: scene.locks, key }), failing);
    app.use(((_error, _req, res, next) => {
      if (res.headersSent) next(_error);
      else res.status(500).send("mine");
    }) satisfies ErrorRequestHandler);
    const { url } = await listen(app);
    const outcomes: unknown[] = [];
    for (const path of ["bare", "locked"]) {
      const rejections = unhandledRejections();
      try {
        const answer = await ask(`${url}/${path}`).catch(String);
        await new Promise((resolve) => setTimeout(resolve, 50));
        outcomes.push([typeof answer === "string" ? answer : answer.status, rejections.seen.length]);
      } finally {
        rejections.stop();
      }
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
  });

  it("a rejection that the end of a middleware in front deals with is not told to the process", async () => {
    const key = scene.key();
    const app = newApp();
    const audit: RequestHandler = (_req, res, next) => {
      const { end } = res;
      res.end = ((...args: unknown[]) => {
        Reflect.apply(end, res, args);
        const work = Promise.reject(new Error("no audit"));
        work.catch(() => undefined);
        return work;
      }) as never;
      next();
    };
    app.post("/bare", audit, (_req, res) => void res.send("done"));
    app.post("/locked", audit, lockRoute({ locks: scene.locks, key }), (_req, res) => void res.send("done"));
    const { url } = await listen(app);
    const rejections = unhandledRejections();
    try {
      const counts: number[] = [];
      for (const path of ["bare", "locked"]) {
        await ask(`${url}/${path}`);
        await scene.free(key);
        await new Promise(setImmediate);
        counts.push(rejections.seen.length);
      }
      expect(counts).toEqual([0, 0]);
    } finally {
      rejections.stop();
    }
  });

  describe("a handler without a promise that has the connection closed: its key is free", () => {
    const ways: [string, RequestHandler][] = [
      [
        "an error behind the headers",
        (_req, res, next) => {
          res.write("begin");
          setImmediate(() => next(new Error("broken")));
        },
      ],
      [
        "an error behind the headers, thrown at once",
        (_req, res) => {
          res.write("begin");
          throw new Error("broken");
        },
      ],
      ["res.destroy", (_req, res) => void res.destroy()],
    ];
    describe.each(["wrapper", "middleware", "use"])("%s", (form) => {
      it.each(ways)("%s", async (_what, handler) => {
        const key = scene.key();
        const closed = gate();
        const app = newApp();
        app.use((_req, res, next) => {
          res.on("close", () => closed.open());
          next();
        });
        const options = { locks: scene.locks, key };
        if (form === "use") app.use(lockRoute(options));
        if (form === "wrapper") app.post("/", lockRoute(options, handler));
        else app.post("/", ...(form === "use" ? [] : [lockRoute(options)]), handler);
        const { url } = await listen(app);
        await ask(url).catch(() => undefined);
        await closed.opened;
        await expect.poll(() => isFree(key), { timeout: 1_500 }).toBe(true);
      });
    });
  });

  it("a middleware behind that defines its end, as shimmer does: both are seen", async () => {
    const key = scene.key();
    const [started, finish, working, worked] = [gate<Response>(), gate(), gate(), gate()];
    const app = newApp();
    app.post(
      "/",
      lockRoute({ locks: scene.locks, key }),
      (_req, res, next) => {
        const { end } = res;
        const value = (...args: unknown[]) => {
          working.open();
          void worked.opened.then(() => Reflect.apply(end, res, args));
          return res;
        };
        Object.defineProperty(res, "end", { value, configurable: true, enumerable: true, writable: true });
        next();
      },
      async (_req, res) => {
        started.open(res);
        await finish.opened;
        res.send("done");
      },
    );
    const { url } = await listen(app);
    const request = send(url);
    await leave(await started.opened, request);
    finish.open();
    await working.opened;
    for (let turn = 0; turn < 20; turn++) await scene.redis.ping();
    const free = await isFree(key);
    worked.open();
    expect(free).toBe(false);
  });

  if (major === 4)
    it("what starts when its then is called is not started by the lock", async () => {
      const key = scene.key();
      const app = newApp();
      let started = 0;
      const lazy = (done: () => void) => {
        const start = () => {
          started += 1;
          done();
        };
        start();
        return {
          // biome-ignore lint/suspicious/noThenProperty: as superagent, knex and mongoose have it
          then: (resolve: () => void) => {
            start();
            resolve();
          },
        };
      };
      app.post("/bare", ((_req, res) =>
        lazy(() => void (res.headersSent || res.send("done")))) as RequestHandler);
      app.post("/locked", lockRoute({ locks: scene.locks, key }), ((_req, res) =>
        lazy(() => void (res.headersSent || res.send("done")))) as RequestHandler);
      const { url } = await listen(app);
      await ask(`${url}/bare`);
      expect(started).toBe(1);
      started = 0;
      await ask(`${url}/locked`);
      await scene.free(key);
      expect(started).toBe(1);
    });

  it.each([...(major === 5 ? ["middleware"] : []), "wrapper"])(
    "an asynchronous error middleware works under the lock (%s)",
    async (form) => {
      const key = scene.key();
      const [started, finish, rolling] = [gate<Response>(), gate(), gate()];
      const app = newApp();
      const handler: RequestHandler = async (_req, res) => {
        started.open(res);
        await finish.opened;
        throw new Error("broken");
      };
      const options = { locks: scene.locks, key };
      app.post("/", ...(form === "wrapper" ? [lockRoute(options, handler)] : [lockRoute(options), handler]));
      const rolled = gate();
      app.use((async (_error, _req, res, _next) => {
        rolling.open();
        await rolled.opened;
        res.status(500).send("rolled back");
      }) satisfies ErrorRequestHandler);
      const { url } = await listen(app);
      const request = send(url);
      await leave(await started.opened, request);
      finish.open();
      await rolling.opened;
      for (let turn = 0; turn < 20; turn++) await scene.redis.ping();
      const free = await isFree(key);
      rolled.open();
      expect(free).toBe(false);
    },
  );

  describe("an answer is not lost when its handler fails behind it", () => {
    const failing: [string, RequestHandler][] = [
      [
        "throws",
        (_req, res) => {
          res.json({ ok: true });
          throw new Error("broken");
        },
      ],
      [
        "calls next",
        (_req, res, next) => {
          res.json({ ok: true });
          next(new Error("broken"));
        },
      ],
      ...(major === 5
        ? [
            [
              "rejects",
              async (_req, res) => {
                res.json({ ok: true });
                throw new Error("broken");
              },
            ] as [string, RequestHandler],
          ]
        : []),
    ];
    it.each(failing)("%s", async (_what, handler) => {
      const app = newApp();
      const key = scene.key();
      app.post("/bare", handler);
      app.post("/middleware", lockRoute({ locks: scene.locks, key }), handler);
      app.post("/wrapper", lockRoute({ locks: scene.locks, key, wait: 1_000 }, handler));
      const { url } = await listen(app);
      const outcomes = [];
      for (const path of ["bare", "middleware", "wrapper"]) {
        const answer = await ask(`${url}/${path}`).catch((error) => String(error.cause ?? error));
        outcomes.push(typeof answer === "string" ? answer : answer.body);
      }
      expect(outcomes).toEqual(['{"ok":true}', '{"ok":true}', '{"ok":true}']);
    });
  });

  it("takes a multipart body that is in req.body as it came", async () => {
    const app = newApp();
    app.post("/", express.raw({ type: "*/*" }), idempotent(idempotency(scene.key())), (req, res) => {
      res.send(String(req.body.length));
    });
    const { url } = await listen(app);
    const body = "--x\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n";
    const headers = { "idempotency-key": "k", "content-type": "multipart/form-data; boundary=x" };
    expect((await ask(url, { headers, body })).status).toBe(200);
    expect((await ask(url, { headers, body: body.replace("1", "2") })).status).toBe(422);
  });

  it.each(["application/json", "application/x-www-form-urlencoded", "application/vnd.api+json"])(
    "%s that something else than a parser of bodies has read",
    async (type) => {
      const app = newApp();
      app.use(async (req, _res, next) => {
        Object.assign(req, { raw: Buffer.concat(await req.toArray()) });
        next();
      });
      app.use(type.includes("json") ? express.urlencoded() : express.json());
      app.post("/", idempotent(idempotency(scene.key())), (req, res) => {
        res.send(String((req as unknown as { raw: Buffer }).raw));
      });
      const { url } = await listen(app);
      const headers = { "idempotency-key": "k", "content-type": type };
      const first = await ask(url, { headers, body: '{"cents":1}' });
      const second = await ask(url, { headers, body: '{"cents":2}' });
      expect([first.body, second.body]).not.toEqual(['{"cents":1}', '{"cents":1}']);
    },
  );

  describe("a replayed answer is the first one", () => {
    const onHeaders: RequestHandler = (_req, res, next) => {
      const { writeHead } = res;
      res.writeHead = ((...args: unknown[]) => {
        res.setHeader("x-behind", "1");
        return Reflect.apply(writeHead, res, args);
      }) as never;
      next();
    };
    const answers: [string, RequestHandler[]][] = [
      [
        "written on after its end",
        [
          (_req, res) => {
            res.on("error", () => undefined);
            res.status(200).type("text").end("first");
            res.write("more");
          },
        ],
      ],
      [
        "with a header that is set in writeHead by a middleware behind",
        [onHeaders, (_req, res) => void res.send("a")],
      ],
      [
        "with a header that is set in writeHead by a middleware behind, streamed",
        [
          onHeaders,
          (_req, res) => {
            res.write("a");
            res.end("b");
          },
        ],
      ],
      ["redirect", [(_req, res) => res.redirect(303, "/there")]],
      ["no content", [(_req, res) => void res.sendStatus(204)]],
      [
        "vary",
        [
          (_req, res) =>
            void res
              .vary("x")
              .links({ next: "/a" })
              .attachment("u.txt")
              .send(Buffer.from([1, 2])),
        ],
      ],
      [
        "number as a header",
        [(_req, res) => void res.setHeader("x-n", 5).setHeader("x-l", ["a", "b"]).end("x")],
      ],
    ];
    it.each(answers)("%s", async (_what, handlers) => {
      const app = newApp();
      app.post("/", idempotent(idempotency(scene.key())), ...handlers);
      const { url } = await listen(app);
      const tell = async () => {
        const response = await fetch(url, {
          method: "POST",
          headers: { "idempotency-key": "k" },
          redirect: "manual",
        });
        const headers = Object.fromEntries(response.headers);
        for (const name of ["date", "idempotent-replayed", "content-length", "transfer-encoding"])
          delete headers[name];
        return [response.status, response.statusText, headers, await response.text()];
      };
      const first = await tell();
      await expect.poll(held).toBe(0);
      expect(await tell()).toEqual(first);
    });
  });

  if (major === 4)
    it("express-async-errors tells the error once, and the next request of the connection is answered", async () => {
      const require = createRequire(import.meta.url);
      const Layer = require("express4/lib/router/layer");
      // As express-async-errors 3 does it.
      const wrap = (fn: (...args: unknown[]) => unknown) => {
        const wrapped = function (this: unknown, ...args: unknown[]) {
          const ret = fn.apply(this, args) as Promise<unknown> | undefined;
          const next = (args.length === 5 ? args[2] : args.at(-1)) as (error: unknown) => void;
          if (ret?.catch) ret.catch((error) => next(error));
          return ret;
        };
        Object.defineProperty(wrapped, "length", { value: fn.length });
        return wrapped;
      };
      Object.defineProperty(Layer.prototype, "handle", {
        configurable: true,
        enumerable: true,
        get() {
          return this.__handle;
        },
        set(fn) {
          this.__handle = wrap(fn);
        },
      });
      const outcomes: unknown[] = [];
      const rejections = unhandledRejections();
      try {
        for (const isLocked of [false, true]) {
          const app = newApp();
          let errors = 0;
          const key = scene.key();
          if (isLocked) app.use(lockRoute({ locks: scene.locks, key }));
          app.post("/", async () => {
            throw new Error("broken");
          });
          app.use(((_error, _req, res, _next) => {
            errors += 1;
            res.status(500).send("mine");
          }) satisfies ErrorRequestHandler);
          const { url } = await listen(app);
          const agent = new Agent({ keepAlive: true, maxSockets: 1 });
          const one = async () => {
            const sent = httpRequest(url, { method: "POST", agent });
            sent.end();
            const [response] = await once(sent, "response");
            return (await response.toArray()).join("");
          };
          const bodies = [await one().catch(String), await one().catch(String)];
          await new Promise((resolve) => setTimeout(resolve, 50));
          outcomes.push([bodies, errors, rejections.seen.length]);
          agent.destroy();
        }
      } finally {
        rejections.stop();
        delete Layer.prototype.handle;
      }
      expect(outcomes[1]).toEqual(outcomes[0]);
    });

  it("an answer is not followed by another one where res.writableEnded is asked", async () => {
    const app = newApp();
    const handler: RequestHandler = async (_req, res, next) => {
      try {
        res.json({ ok: true });
        if (!res.writableEnded) res.status(404).json({ error: "nobody answered" });
      } catch (error) {
        next(error);
      }
    };
    app.post("/bare", handler);
    app.post("/locked", lockRoute({ locks: scene.locks, key: scene.key() }, handler));
    const { url } = await listen(app);
    expect((await ask(`${url}/bare`)).body).toBe('{"ok":true}');
    expect((await ask(`${url}/locked`).catch((e) => ({ body: String(e.cause ?? e) }))).body).toBe(
      '{"ok":true}',
    );
  });
});

/** How many keys are held that were not before the test. */
async function held(): Promise<number> {
  let count = 0;
  for await (const lock of scene.rivals.list()) if (!before.has(lock.key)) count += 1;
  return count;
}

import { gate, newestOrOlder } from "@lock/redis-harness/vitest";
import type { ErrorRequestHandler, Express, RequestHandler, Response } from "express";
import { describe, expect, it } from "vitest";
import { idempotent } from "../src/idempotent.ts";
import { lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { behind } from "./support/behind.ts";
import { ask, send } from "./support/client.ts";
import { expresses, quiet } from "./support/expresses.ts";
import { useLocks } from "./support/locks.ts";
import { unhandledRejections } from "./support/rejections.ts";

const scene = useLocks();
const { finishForLeaver, held, idempotency, isFree, leave } = behind(scene);

describe.each(newestOrOlder(expresses))("$name", ({ express, major }) => {
  describe("a handler that is asynchronous and goes on: what follows is under the lock", () => {
    const onward: [string, string | undefined][] = [
      ["next()", undefined],
      ["next('route')", "route"],
      ["next('router')", "router"],
    ];
    it.each(onward)("%s", async (_what, how) => {
      const key = scene.key();
      const [started, finish] = [gate<Response>(), gate()];
      const app = quiet(express);
      app.post("/", lockRoute({ locks: scene.locks, key }), async (_req, _res, next) => {
        await scene.redis.ping();
        next(how as "route");
      });
      const last: RequestHandler = (_req, res) => {
        started.open(res);
        void finish.opened.then(() => res.send("done"));
      };
      if (how === "router") {
        const outer = quiet(express);
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
      const app = quiet(express);
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
        const app = quiet(express);
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
    const app = quiet(express);
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
    await finishForLeaver(url, { started, finish, working });
    const free = await isFree(key);
    worked.open();
    expect(free).toBe(false);
  });

  it.each([...(major === 5 ? ["middleware"] : []), "wrapper"])(
    "an asynchronous error middleware works under the lock (%s)",
    async (form) => {
      const key = scene.key();
      const [started, finish, rolling] = [gate<Response>(), gate(), gate()];
      const app = quiet(express);
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
      await finishForLeaver(url, { started, finish, working: rolling });
      const free = await isFree(key);
      rolled.open();
      expect(free).toBe(false);
    },
  );

  it.each(["lockRoute", "idempotent"])(
    "%s: a handler that is called when its client has left is looked at, too",
    async (by) => {
      const key = scene.key();
      const [started, go, called] = [gate<Response>(), gate(), gate()];
      const app = quiet(express);
      app.post(
        "/",
        by === "lockRoute" ? lockRoute({ locks: scene.locks, key }) : idempotent(idempotency(key)),
        (_req, res, next) => {
          started.open(res);
          void go.opened.then(() => next());
        },
        async () => called.open(),
      );
      const { url } = await listen(app);
      const request = send(url, "POST", { "idempotency-key": key });
      await leave(await started.opened, request);
      expect(await held()).toBe(1);
      go.open();
      await called.opened;
      await expect.poll(held, { timeout: 2_000 }).toBe(0);
    },
  );

  it("what the end of a middleware in front returns is not called, where it only looks like a promise", async () => {
    const key = scene.key();
    let calls = 0;
    const app = quiet(express);
    app.post(
      "/",
      (_req, res, next) => {
        const { end } = res;
        res.end = ((...args: unknown[]) => {
          Reflect.apply(end, res, args);
          // biome-ignore lint/suspicious/noThenProperty: as a query that starts when it is awaited
          return { then: () => void calls++ };
        }) as never;
        next();
      },
      lockRoute({ locks: scene.locks, key }),
      (_req, res) => void res.send("done"),
    );
    const { url } = await listen(app);
    expect((await ask(url)).body).toBe("done");
    await expect.poll(() => isFree(key), { timeout: 2_000 }).toBe(true);
    expect(calls).toBe(0);
  });
});

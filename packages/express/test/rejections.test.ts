import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { createRequire } from "node:module";
import { newestOrOlder } from "@lock/redis-harness/vitest";
import type { ErrorRequestHandler, RequestHandler } from "express";
import { describe, expect, it } from "vitest";
import { lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask } from "./support/client.ts";
import { expresses, quiet } from "./support/expresses.ts";
import { useLocks } from "./support/locks.ts";
import { unhandledRejections } from "./support/rejections.ts";

const scene = useLocks();

describe.each(newestOrOlder(expresses))("$name", ({ express, major }) => {
  it("a rejection that its handler deals with is not told to the process", async () => {
    const key = scene.key();
    const app = quiet(express);
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
    const app = quiet(express);
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

  if (major === 4)
    it("what starts when its then is called is not started by the lock", async () => {
      const key = scene.key();
      const app = quiet(express);
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
          const app = quiet(express);
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
});

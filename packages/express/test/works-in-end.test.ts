import { once } from "node:events";
import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import type { Express, RequestHandler } from "express";
import { describe, it, onTestFinished } from "vitest";
import { idempotent, inProcessRecords } from "../src/idempotent.ts";
import { getLease, type LockRouteOptions, lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask, send } from "./support/client.ts";
import { type EndingMiddleware, endingMiddlewares } from "./support/ends.ts";
import { expresses } from "./support/expresses.ts";
import { combinations } from "./support/forms.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();

/** A locked route behind a middleware; `held` gets whether the lease was there when its work was done. */
function appBehind(
  { express, lock }: (typeof combinations)[number],
  { make, isSync }: EndingMiddleware,
  options: Partial<LockRouteOptions>,
  handler: RequestHandler = (_req, res) => void res.send("done"),
) {
  const key = scene.key();
  const held: boolean[] = [];
  const app: Express = express();
  app.use(
    make(async (res) => {
      const lease = getLease(res);
      if (lease === undefined) return;
      if (!isSync) for (let turn = 0; turn < 5; turn++) await scene.redis.ping();
      held.push(lease.validFor > 0);
    }),
  );
  app.post("/", ...lock({ locks: scene.locks, key, wait: 60_000, ...options }, handler));
  return { app, key, held };
}

describe.concurrent.each(newestOrOlder(combinations))("$name, $form", (combination) => {
  const { express, lock } = combination;

  it.each(endingMiddlewares)("$name: is done before the key is released", async (middleware) => {
    const { app, key, held } = appBehind(combination, middleware, {});
    const { url } = await listen(app);
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(url)));
    expect(answers.map(({ status, body }) => [status, body])).toEqual(Array(8).fill([200, "done"]));
    await scene.free(key);
    expect(held).toEqual(Array(8).fill(true));
  });

  it.each(endingMiddlewares)(
    "$name: is done before, also where the client has left meanwhile",
    async (middleware) => {
      const [started, closed] = [gate(), gate()];
      const { app, key, held } = appBehind(
        combination,
        middleware,
        { onDisconnect: "hold" },
        async (_req, res) => {
          res.on("close", () => closed.open());
          started.open();
          await closed.opened;
          res.send("done");
        },
      );
      const { url } = await listen(app);
      const request = send(url);
      await started.opened;
      request.leave();
      await expect.poll(() => held).toEqual([true]);
      await scene.free(key);
    },
  );

  it("takes nothing of ours for the work of a middleware in front", async () => {
    const app = express();
    const released: boolean[] = [];
    const records = inProcessRecords();
    const [outer, inner] = [scene.key(), scene.key()];
    app.post(
      "/",
      idempotent({ locks: scene.locks, records, tenant: () => outer }),
      lockRoute({ locks: scene.locks, key: outer }),
      ...lock({ locks: scene.locks, key: inner }, (_req, res) => {
        const lease = getLease(res);
        res.once("prefinish", () => released.push(lease?.validFor === 0));
        res.send("done");
      }),
    );
    const { url } = await listen(app);
    expect((await ask(url, { headers: { "idempotency-key": "a" } })).status).toBe(200);
    expect(released).toEqual([true]);
  });
});

describe.concurrent.each(newestOrOlder(expresses))("$name", ({ express }) => {
  it.each(endingMiddlewares)(
    "$name behind the lock: is done before the key is released",
    async (middleware) => {
      const key = scene.key();
      const held: boolean[] = [];
      const [started, goOn] = [gate(), gate()];
      const app = express();
      app.post(
        "/",
        lockRoute({ locks: scene.locks, key }),
        middleware.make(async (res) => {
          const lease = getLease(res);
          if (!middleware.isSync) for (let turn = 0; turn < 5; turn++) await scene.redis.ping();
          held.push((lease?.validFor ?? 0) > 0);
        }),
        async (_req, res) => {
          started.open();
          await goOn.opened;
          res.send("done");
        },
      );
      const { url } = await listen(app);
      const request = send(url);
      await started.opened;
      const [socket] = [request.request.socket];
      request.leave();
      if (socket && !socket.closed) await once(socket, "close");
      await expect.poll(async () => (await ask(url)).status).toBe(409);
      goOn.open();
      // What it does when the end has passed the lock already, and by itself, is no concern of the lock.
      await expect.poll(() => held).toEqual([!middleware.name.includes("behind the end")]);
      await scene.free(key);
    },
  );
});

/** Warnings are of the whole process: no other test may run meanwhile. */
describe.each(newestOrOlder(combinations))("$name, $form", (combination) => {
  it.each(endingMiddlewares)("$name: before-end releases first, and is warned of", async (middleware) => {
    const warnings: string[] = [];
    const listener = (warning: Error & { code?: string }) => warnings.push(String(warning.code));
    process.on("warning", listener);
    onTestFinished(() => void process.off("warning", listener));
    const { app, held } = appBehind(combination, middleware, { releaseAt: "before-end" });
    const { url } = await listen(app);
    await ask(url);
    await expect.poll(() => held).toEqual([false]);
    expect(warnings).toEqual(["LOCK_ROUTE_END_IS_WRAPPED"]);
  });
});

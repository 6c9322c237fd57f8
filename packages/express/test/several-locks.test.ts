import { gate, newestOrOlder } from "@lock/redis-harness/vitest";
import type { RequestHandler, Response } from "express";
import session from "express-session";
import { describe, expect, it } from "vitest";
import { idempotent } from "../src/idempotent.ts";
import { lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { behind } from "./support/behind.ts";
import { ask, send } from "./support/client.ts";
import { endingMiddlewares } from "./support/ends.ts";
import { expresses, quiet } from "./support/expresses.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();
const { finishForLeaver, held, idempotency, isFree, leave } = behind(scene);

describe.each(newestOrOlder(expresses))("$name", ({ express }) => {
  describe("two locks behind a middleware with work in its end: both are free afterwards", () => {
    it.each(endingMiddlewares)("$name", async ({ make }) => {
      const [a, b] = [scene.key(), scene.key()];
      const app = quiet(express);
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
      const app = quiet(express);
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
      const app = quiet(express);
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
      await finishForLeaver(url, { started, finish, working });
      const free = [await isFree(a), await isFree(b)];
      worked.open();
      expect(free).toEqual([false, false]);
      await scene.free(a);
    },
  );

  describe("a wrapped handler with callbacks behind another lock: the outer key is held, too", () => {
    const outers: [string, (key: string) => RequestHandler][] = [
      ["lockRoute", (key) => lockRoute({ locks: scene.locks, key })],
      ["idempotent", (key) => idempotent(idempotency(key))],
    ];
    it.each(outers)("%s", async (_what, outer) => {
      const [a, b] = [scene.key(), scene.key()];
      const [started, finish] = [gate<Response>(), gate()];
      const app = quiet(express);
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
      const app = quiet(express);
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
});

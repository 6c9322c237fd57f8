import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { expect, newestOrOlder } from "@lock/redis-harness/vitest";
import type { ErrorRequestHandler } from "express";
import { describe, it } from "vitest";
import { getLease } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask } from "./support/client.ts";
import { appOf, combinations } from "./support/forms.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();

describe.concurrent.each(newestOrOlder(combinations))(
  "$name, $form: a backend that cannot be reached",
  (combination) => {
    it("fails closed: 503 without Retry-After, and the error goes to the error handler", async () => {
      const { locks, proxy } = await scene.faulty(500);
      const seen: unknown[] = [];
      const app = appOf(combination, { locks, key: scene.key() }, (_req, res) => void res.send("done"));
      app.use(((error, _req, _res, next) => {
        seen.push(error.code);
        next(error);
      }) satisfies ErrorRequestHandler);
      const { url } = await listen(app);
      proxy.blackhole();
      const { status, headers, body } = await ask(url);
      expect([status, headers.get("retry-after"), seen]).toEqual([503, null, ["LOCK_BACKEND"]]);
      expect(body).not.toContain("done");
    });

    it("fails open where that is wanted: the handler runs without a lease", async () => {
      const { locks, proxy } = await scene.faulty(1_000);
      const app = appOf(combination, { locks, key: scene.key(), onBackendError: "open" }, (_req, res) => {
        res.json({ leased: getLease(res) !== undefined });
      });
      const { url } = await listen(app);
      expect((await ask(url)).body).toBe('{"leased":true}');
      proxy.blackhole();
      expect((await ask(url)).body).toBe('{"leased":false}');
    });

    it("is none where too many wait for the key: 503 also where it would fail open", async () => {
      const { redis, rivals } = scene;
      const locks = createLocks({ backend: ioredisBackend(redis), maxWaiters: 1 });
      const key = scene.key();
      const held = await rivals.acquire(key);
      const options = { locks, key, wait: 10_000, onBackendError: "open" } as const;
      const { url } = await listen(appOf(combination, options, (_req, res) => void res.send("done")));
      const waiting = ask(url);
      await expect.poll(async () => (await rivals.inspect(key))?.waiting).toBe(1);
      expect((await ask(url)).status).toBe(503);
      await held.release();
      expect((await waiting).body).toBe("done");
      await locks.close();
    });

    it("asks a function, which sees the error and the request", async () => {
      const { locks, proxy } = await scene.faulty(500);
      const seen: string[] = [];
      const app = appOf(
        combination,
        {
          locks,
          key: scene.key(),
          onBackendError: (error, req) => {
            seen.push(error.name);
            return req.query.important === undefined ? "open" : "fail";
          },
        },
        (_req, res) => void res.send("done"),
      );
      const { url } = await listen(app);
      proxy.blackhole();
      expect((await ask(url)).status).toBe(200);
      expect((await ask(`${url}/?important=1`)).status).toBe(503);
      expect(seen).toEqual(["LockBackendError", "LockBackendError"]);
    });
  },
);

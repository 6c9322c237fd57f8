import { newestOrOlder } from "@lock/redis-harness/vitest";
import type { RequestHandler } from "express";
import { describe, expect, it } from "vitest";
import { lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask } from "./support/client.ts";
import { expresses, quiet } from "./support/expresses.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();

describe.each(newestOrOlder(expresses))("$name", ({ express, major }) => {
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
      const app = quiet(express);
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

  it("an answer is not followed by another one where res.writableEnded is asked", async () => {
    const app = quiet(express);
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

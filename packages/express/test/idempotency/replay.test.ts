import { newestOrOlder } from "@lock/redis-harness/vitest";
import type { RequestHandler, Response } from "express";
import { describe, expect, it } from "vitest";
import { lockRoute } from "../../src/index.ts";
import { ask } from "../support/client.ts";
import { useLocks } from "../support/locks.ts";
import { forms, newKey, post, shopOn, wrappers } from "./orders.ts";

const scene = useLocks();
const shop = shopOn(scene);

describe.each(newestOrOlder(forms))("$name, $form", (combination) => {
  it("forgets server errors unless it is told to keep them, and never keeps a refusal", async () => {
    let status = 500;
    const fail: RequestHandler = (_req, res) => void res.status(status).send("x");
    const forgetful = await shop(combination, fail);
    const key = newKey();
    expect((await ask(forgetful.url, post(key))).status).toBe(500);
    status = 404;
    expect((await ask(forgetful.url, post(key))).status).toBe(404);
    status = 200;
    expect((await ask(forgetful.url, post(key))).status).toBe(404);
    status = 500;
    const keeping = await shop(combination, fail, { keepServerErrors: true });
    await ask(keeping.url, post(key));
    expect((await ask(keeping.url, post(key))).headers.get("idempotent-replayed")).toBe("true");

    const busy = scene.key();
    const held = await scene.rivals.acquire(busy);
    const inner = lockRoute({ locks: scene.locks, key: busy }, (_req, res) => void res.send("done"));
    const locked = await shop(combination, inner);
    expect((await ask(locked.url, post(key))).status).toBe(409);
    await held.release();
    expect((await ask(locked.url, post(key))).body).toBe("done");
  });

  it("does the work again when it threw, and not when its answer was too long to be kept", async () => {
    let broken = true;
    const { url, done } = await shop(
      combination,
      (_req, res) => {
        if (broken) throw new Error("broken");
        res.write("x".repeat(60));
        res.end("x".repeat(60));
      },
      { maxBody: 100 },
    );
    const key = newKey();
    expect((await ask(url, post(key))).status).toBe(500);
    broken = false;
    expect((await ask(url, post(key))).status).toBe(200);
    const again = await ask(url, post(key));
    expect([again.status, JSON.parse(again.body).code]).toEqual([409, "IDEMPOTENCY_ANSWER_NOT_KEPT"]);
    expect(done()).toBe(2);
  });

  it("answers again what was streamed, in bytes, with headers in writeHead", async () => {
    const bytes = Buffer.from([0, 255, 10, 200]);
    const { url } = await shop(combination, (_req, res) => {
      res.writeHead(202, "Accepted", { "Content-Type": "image/png", "X-Many": ["a", "b"] });
      res.write(bytes);
      res.write("é", "latin1");
      res.end();
    });
    const key = newKey();
    const first = await ask(url, post(key));
    const again = await ask(url, post(key));
    for (const name of ["content-type", "x-many"])
      expect(again.headers.get(name)).toBe(first.headers.get(name));
    expect([again.status, again.body]).toEqual([202, first.body]);
  });
});

describe.each(newestOrOlder(wrappers))("$name, idempotent", (combination) => {
  it.each([
    ["body", (res: Response) => res.end({ bad: 1 })],
    ["status", (res: Response) => Object.assign(res, { statusCode: 99 }).end("x")],
  ])("keeps nothing of an answer whose %s Node refused", async (_what, end) => {
    let broken = true;
    const { url } = await shop(combination, async (_req, res) => {
      res.status(201);
      if (broken) end(res);
      else res.send("done");
    });
    const key = newKey();
    expect((await ask(url, post(key))).status).toBe(500);
    broken = false;
    expect(await ask(url, post(key))).toMatchObject({ status: 201, body: "done" });
  });

  it("sends and keeps repeated headers", async () => {
    const { url } = await shop(
      combination,
      (_req, res) => void res.writeHead(200, ["Link", "<x>", "Link", "<y>", "X-One", "1"]).end("done"),
    );
    const key = newKey();
    for (const replayed of [null, "true"]) {
      const answer = await ask(url, post(key));
      expect([answer.headers.get("link"), answer.headers.get("x-one")]).toEqual(["<x>, <y>", "1"]);
      expect(answer.headers.get("idempotent-replayed")).toBe(replayed);
    }
  });
});

import { PassThrough, pipeline } from "node:stream";
import { newestOrOlder } from "@lock/redis-harness/vitest";
import type { RequestHandler, Response } from "express";
import { describe, expect, it } from "vitest";
import { listen } from "./support/app.ts";
import { ask, send } from "./support/client.ts";
import { appOf, combinations } from "./support/forms.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();

describe.each(newestOrOlder(combinations))("$name, $form", (combination) => {
  it.each([
    ["a string", (res) => res.end("dönè")],
    ["a string in another encoding", (res) => res.end("64c3b66ec3a8", "hex")],
    ["bytes", (res) => res.end(new TextEncoder().encode("dönè"))],
    ["a callback", (res) => res.write("dönè") && res.end(() => undefined)],
    ["chunks", (res) => res.write("dön") && res.end("è")],
    ["a length that it knows", (res) => res.setHeader("Content-Length", 6).end("dönè")],
    ["writeHead", (res) => res.writeHead(200, { "x-test": "1" }).end("dönè")],
  ] satisfies [string, (res: Response) => unknown][])("ends with %s", async (_what, end) => {
    const app = appOf(combination, { locks: scene.locks, key: scene.key() }, (_req, res) => void end(res));
    const { url } = await listen(app);
    const answer = await ask(url);
    expect(answer).toMatchObject({ status: 200, body: "dönè" });
    const isChunked = answer.headers.get("transfer-encoding") === "chunked";
    expect(answer.headers.get("content-length")).toBe(isChunked ? null : "6");
  });

  it.each([204, 304])("ends a %i without a body or a length", async (status) => {
    const app = appOf(combination, { locks: scene.locks, key: scene.key() }, (_req, res) => {
      res.statusCode = status;
      res.end();
    });
    const { url } = await listen(app);
    const answer = await ask(url);
    expect([answer.status, answer.headers.get("content-length"), answer.body]).toEqual([status, null, ""]);
  });

  it("is ended once: what comes after the end is ignored while the release is under way", async () => {
    const app = appOf(combination, { locks: scene.locks, key: scene.key() }, (_req, res) => {
      res.end("first");
      res.write("more");
      res.end("second");
      expect(res.headersSent).toBe(true);
    });
    const { url } = await listen(app);
    expect(await ask(url)).toMatchObject({ status: 200, body: "first" });
    expect(await ask(url)).toMatchObject({ status: 200, body: "first" });
  });

  it.each([
    ["an ArrayBuffer", (res) => res.end(new ArrayBuffer(8)), 500],
    ["a number", (res) => res.end(123), 500],
    ["a number after a chunk", (res) => res.write("x") && res.end(123), undefined],
    [
      "less than it has announced",
      (res) => {
        Object.assign(res, { strictContentLength: true });
        res.setHeader("Content-Length", 5).end("abc");
      },
      undefined,
    ],
  ] satisfies [string, (res: Response) => unknown, number | undefined][])(
    "survives a handler that ends the answer with %s",
    async (_what, end, status) => {
      const key = scene.key();
      const handler: RequestHandler = async (_req, res) => void end(res);
      const app = appOf(combination, { locks: scene.locks, key }, (req, res, next) => {
        Promise.resolve(handler(req, res, next)).catch(next);
      });
      const { url } = await listen(app);
      const answer = await ask(url).catch(() => ({ status: undefined }));
      expect(answer.status).toBe(status);
      await scene.free(key);
    },
  );

  it.each([
    ["destroys the response", (res) => void setImmediate(() => res.destroy())],
    [
      "pipes a source that fails",
      (res) => {
        const source = new PassThrough();
        pipeline(source, res, () => undefined);
        setImmediate(() => source.destroy(new Error("broken")));
      },
    ],
  ] satisfies [string, (res: Response) => void][])("releases when the handler %s", async (_what, end) => {
    const key = scene.key();
    const app = appOf(combination, { locks: scene.locks, key }, (_req, res) => {
      res.write("x");
      end(res);
    });
    const { url } = await listen(app);
    const response = await send(url).response;
    await expect(response.toArray()).rejects.toThrow("aborted");
    await scene.free(key);
  });

  it("calls the callbacks of ends that are ignored", async () => {
    const key = scene.key();
    const app = appOf(combination, { locks: scene.locks, key }, async (_req, res) => {
      const first = new Promise<void>((resolve) => res.end("first", resolve));
      await new Promise<void>((resolve) => res.end(resolve));
      await new Promise<void>((resolve) => res.write("more", () => resolve()));
      await first;
    });
    const { url } = await listen(app);
    expect((await ask(url)).body).toBe("first");
    await scene.free(key);
  });
});

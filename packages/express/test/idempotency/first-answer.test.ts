import { newestOrOlder } from "@lock/redis-harness/vitest";
import type { RequestHandler } from "express";
import { describe, expect, it } from "vitest";
import { idempotent } from "../../src/idempotent.ts";
import { listen } from "../support/app.ts";
import { behind } from "../support/behind.ts";
import { expresses, quiet } from "../support/expresses.ts";
import { useLocks } from "../support/locks.ts";

const scene = useLocks();
const { held, idempotency } = behind(scene);

describe.each(newestOrOlder(expresses))("$name", ({ express }) => {
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
      const app = quiet(express);
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
});

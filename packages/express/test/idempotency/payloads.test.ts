import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { newestOrOlder } from "@lock/redis-harness/vitest";
import busboy from "busboy";
import type { Request, RequestHandler } from "express";
import fileUpload from "express-fileupload";
import formidable from "formidable";
import multer from "multer";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type IdempotentOptions, idempotent, inProcessRecords } from "../../src/idempotent.ts";
import { listen } from "../support/app.ts";
import { ask } from "../support/client.ts";
import { expresses } from "../support/expresses.ts";
import { useLocks } from "../support/locks.ts";

const scene = useLocks();

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "payloads-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Upload {
  readonly name: string | undefined;
  readonly content: Buffer;
}

/** Reads the files of a request by busboy, and gives them to `keep`. */
const byBusboy =
  (keep: (req: Request, files: readonly Upload[]) => void): RequestHandler =>
  (req, _res, next) => {
    const files: Promise<Upload>[] = [];
    const parser = busboy({ headers: req.headers });
    parser.on("file", (_field, stream, { filename }) => {
      files.push(buffer(stream).then((content) => ({ name: filename, content })));
    });
    parser.on("close", () => {
      void Promise.all(files).then((read) => {
        keep(req, read);
        next();
      }, next);
    });
    req.pipe(parser);
  };

/** Parsers of multipart requests, each of which puts files elsewhere. "seen": idempotent finds their content. */
const parsers: readonly (readonly [string, "seen" | "not seen", () => RequestHandler])[] = [
  ["multer, one in memory", "seen", () => multer().single("file")],
  ["multer, a list in memory", "seen", () => multer().array("file")],
  ["multer, by field in memory", "seen", () => multer().fields([{ name: "file" }])],
  ["express-fileupload in memory", "seen", () => fileUpload() as unknown as RequestHandler],
  ["multer, on disk", "not seen", () => multer({ dest: folder }).single("file")],
  [
    "express-fileupload in temporary files",
    "not seen",
    () => fileUpload({ useTempFiles: true, tempFileDir: folder }) as unknown as RequestHandler,
  ],
  [
    "formidable",
    "not seen",
    () => (req, _res, next) => {
      formidable({ uploadDir: folder }).parse(req, (error, fields, files) => {
        Object.assign(req, { body: fields, files });
        next(error);
      });
    },
  ],
  [
    "busboy into the request",
    "not seen",
    () => byBusboy((req, uploads) => Object.assign(req, { body: {}, uploads })),
  ],
  [
    "busboy to the place of one file, without its content",
    "not seen",
    () => byBusboy((req, [file]) => Object.assign(req, { body: {}, file: { name: file?.name } })),
  ],
];

/** What was sent in other ways, to parsers that put it beside the body. */
const others: readonly (readonly [string, string, RequestHandler[], string])[] = [
  ["no parser at all", "application/octet-stream", [], "one"],
  [
    "a parser of another media type",
    "application/xml",
    [(req, res, next) => void res.app.locals.json(req, res, next)],
    "<one/>",
  ],
  [
    "a reader that keeps the bytes elsewhere",
    "application/octet-stream",
    [
      (req, _res, next) =>
        void buffer(req).then((raw) => {
          Object.assign(req, { body: {}, raw });
          next();
        }, next),
    ],
    "one",
  ],
  [
    "a parser whose values hide their content",
    "application/x-www-form-urlencoded",
    [
      (req, _res, next) =>
        void buffer(req).then((raw) => {
          req.body = { form: new URLSearchParams(raw.toString()) };
          next();
        }, next),
    ],
    "a=1",
  ],
];

describe.each(newestOrOlder(expresses))("$name", ({ express }) => {
  /** A route that is idempotent behind parsers; how often its work was done. */
  async function route(before: readonly RequestHandler[], options: Partial<IdempotentOptions> = {}) {
    let done = 0;
    const app = express();
    app.set("env", "test");
    app.locals.json = express.json();
    const given = { locks: scene.locks, records: inProcessRecords(), tenant: () => "", ...options };
    const work: RequestHandler = async (_req, res) => {
      done += 1;
      res.json({ done });
    };
    app.post("/", ...before, idempotent(given, work));
    const { url } = await listen(app);
    const post = (body: NonNullable<RequestInit["body"]>, type?: string) => {
      const headers = { "idempotency-key": "a", ...(type !== undefined && { "content-type": type }) };
      return ask(url, { headers, body });
    };
    const upload = (name: string, text: string, more = "x") => {
      const form = new FormData();
      form.set("more", more);
      form.set("file", new Blob([text]), name);
      return post(form);
    };
    return { post, upload, done: () => done };
  }

  it.each(parsers)("another file with the same key, by %s (%s)", async (_what, seen, parser) => {
    const { upload, done } = await route([parser()]);
    if (seen === "not seen") {
      for (const name of ["a.txt", "b.txt"]) expect((await upload(name, "AAA")).status).toBe(415);
      expect(done()).toBe(0);
      return;
    }
    const first = await upload("a.txt", "AAA");
    const again = await upload("a.txt", "AAA");
    expect([first.status, first.body, again.status, again.body]).toEqual([
      200,
      '{"done":1}',
      200,
      '{"done":1}',
    ]);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    const changed = [upload("a.txt", "AAB"), upload("b.txt", "AAA"), upload("a.txt", "AAA", "y")];
    expect((await Promise.all(changed)).map(({ status }) => status)).toEqual([422, 422, 422]);
    expect(done()).toBe(1);
  });

  it.each(parsers)("with a fingerprint, by %s (%s)", async (_what, _seen, parser) => {
    const digest = (text: string) => createHash("sha256").update(text).digest("hex");
    const { post, done } = await route([parser()], { fingerprint: (req) => String(req.query.digest ?? "") });
    const form = new FormData();
    form.set("file", new Blob([digest("AAA")]), "a.txt");
    expect((await post(form)).status).toBe(200);
    expect((await post(form)).headers.get("idempotent-replayed")).toBe("true");
    expect(done()).toBe(1);
  });

  it.each(others)("a payload behind %s is refused with 415", async (_what, type, before, body) => {
    const { post, done } = await route(before);
    const answer = await post(body, type);
    expect([answer.status, done()]).toEqual([415, 0]);
    expect(JSON.parse(answer.body)).toMatchObject({ code: "IDEMPOTENCY_PAYLOAD_NOT_SEEN", status: 415 });
    expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  });

  it("takes a body that is too deep for one that cannot be seen", async () => {
    const { post, done } = await route([express.json({ limit: "1mb" })]);
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    const { status } = await post(deep, "application/json");
    expect([status, done()]).toEqual([415, 0]);
  });

  it.each([
    ["{}", "application/json", 200],
    ["", "application/json", 200],
    ["[]", "application/vnd.api+json", 200],
  ])("an empty payload is seen: %j as %s", async (body, type, status) => {
    const parser = express.json({ type: ["json", "+json"] });
    const { post } = await route([parser]);
    expect((await post(body, type)).status).toBe(status);
  });
});

it("tells once that a payload cannot be seen, with a help page", async () => {
  const told: string[] = [];
  const listener = (warning: Error & { code?: string; detail?: string }) =>
    told.push(`${warning.code} ${warning.detail}`);
  process.on("warning", listener);
  onTestFinished(() => void process.off("warning", listener));
  // Those before have told it already: this copy of the package has not.
  const { vi } = await import("vitest");
  vi.resetModules();
  const fresh = await import("../../src/idempotent.ts");
  const [{ express }] = expresses;
  const app = express();
  app.post("/", fresh.idempotent({ locks: scene.locks, records: inProcessRecords(), tenant: () => "" }));
  const { url } = await listen(app);
  const post = () => ask(url, { headers: { "idempotency-key": "a", "content-type": "a/b" }, body: "x" });
  expect([(await post()).status, (await post()).status]).toEqual([415, 415]);
  expect(told).toEqual([
    "IDEMPOTENCY_PAYLOAD_NOT_SEEN See @lock/express/help/IDEMPOTENCY_PAYLOAD_NOT_SEEN.md",
  ]);
});

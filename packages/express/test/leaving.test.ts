import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { Locks } from "@lock/core";
import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import compression from "compression";
import type { Express, RequestHandler } from "express";
import { afterAll, beforeAll, describe, it } from "vitest";
import { idempotent } from "../src/idempotent.ts";
import { lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { behind } from "./support/behind.ts";
import { send } from "./support/client.ts";
import { expresses } from "./support/expresses.ts";
import { useLocks } from "./support/locks.ts";
import { unhandledRejections } from "./support/rejections.ts";

const scene = useLocks();
const { idempotency } = behind(scene);

/** Longer than the window of gzip. */
const incompressible = randomBytes(40_000);

let folder = "";
let file = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "leaving-"));
  file = join(folder, "large.bin");
  await writeFile(file, Buffer.concat(Array.from({ length: 1_000 }, () => incompressible)));
});
afterAll(() => rm(folder, { recursive: true }));

/** How a request comes to its end. `left`: resolves when its client has left, which is after it got the headers. */
type Way = (left: Promise<unknown>) => RequestHandler;

const large = () => Readable.from(Array.from({ length: 1_000 }, () => incompressible));

const ways: readonly (readonly [string, Way])[] = [
  [
    "ends the response when its client has left",
    (left) => (_req, res) => {
      res.write("begin");
      void left.then(() => res.end("end"));
    },
  ],
  ["pipes a stream", () => (_req, res) => void large().pipe(res)],
  ["sends a file", () => (_req, res) => res.sendFile(file)],
  ["offers a file as a download", () => (_req, res) => res.download(file)],
  [
    "begins to send a file when its client has left",
    (left) => (_req, res) => {
      res.write("begin");
      void left.then(() => large().pipe(res));
    },
  ],
  [
    "destroys the response when its client has left",
    (left) => (_req, res) => {
      res.write("begin");
      void left.then(() => res.destroy());
    },
  ],
  [
    "is asynchronous, and never ends the response",
    (left) => async (_req, res) => {
      res.write("begin");
      await left;
    },
  ],
];

/** Each as a handler that returns a promise and as one that does not. */
const handlers = ways.flatMap(([what, way]): [string, Way][] => [
  [what, way],
  [
    `${what}, in a function that is asynchronous`,
    (left) => async (req, res, next) => way(left)(req, res, next),
  ],
]);

type Lock = (locks: Locks, key: string, handler: RequestHandler) => RequestHandler[];

const locked: readonly (readonly [string, Lock])[] = [
  ["lockRoute, wrapper", (locks, key, handler) => [lockRoute({ locks, key }, handler)]],
  ["lockRoute, middleware", (locks, key, handler) => [lockRoute({ locks, key }), handler]],
  ["lockRoute, use", (locks, key, handler) => [lockRoute({ locks, key }), handler]],
  ["idempotent, wrapper", (locks, key, handler) => [idempotent(idempotency(key, { locks }), handler)]],
  ["idempotent, middleware", (locks, key, handler) => [idempotent(idempotency(key, { locks })), handler]],
  ["idempotent, use", (locks, key, handler) => [idempotent(idempotency(key, { locks })), handler]],
];

const zip = compression({ threshold: 0, filter: () => true });
const places: readonly (readonly [string, (route: RequestHandler[]) => RequestHandler[]])[] = [
  ["alone", (route) => route],
  ["behind compression", (route) => [zip, ...route]],
  ["in front of compression", (route) => [...route.slice(0, -1), zip, ...route.slice(-1)]],
];

/** Every form in every place. A wrapped handler stands behind its lock: there is no place between them. */
const routes = locked.flatMap(([form, lock]) =>
  places
    .filter(([place]) => !(form.includes("wrapper") && place.startsWith("in front")))
    .map(([place, around]) => ({
      route: `${form}, ${place}`,
      mount: (app: Express, locks: Locks, handler: RequestHandler) => {
        const all = around(lock(locks, scene.key(), handler));
        const used = form.includes("use") ? all.splice(0, all.length - 1) : [];
        for (const middleware of used) app.use(middleware);
        app.post("/", ...all);
      },
    })),
);

describe.concurrent.each(newestOrOlder(expresses))("$name", ({ express }) => {
  describe.each(routes)("$route", ({ mount }) => {
    it.each(handlers)("a handler that %s: its key is free when its client has left", async (_what, way) => {
      const { locks, held } = scene.apart();
      const left = gate();
      const app = express();
      // Errors are expected, and Express would print them.
      app.set("env", "test");
      mount(app, locks, way(left.opened));
      const { url, server } = await listen(app);
      const connected = new Promise<Socket>((resolve) => server.once("connection", resolve));
      const request = send(url, "POST", { "idempotency-key": "one", "accept-encoding": "gzip" });
      const socket = await connected;
      const closed = new Promise((resolve) => socket.once("close", resolve));
      const response = await request.response;
      await once(response, "data");
      // The rest is not taken: the answer cannot come to its end.
      response.pause();
      expect(await held()).toBe(1);
      request.leave();
      await closed;
      left.open();
      await expect.poll(held, { timeout: 5_000 }).toBe(0);
    });
  });
});

/** Unhandled rejections are of the whole process: no other test may run meanwhile. */
describe.each(newestOrOlder(expresses))("$name", ({ express, major }) => {
  it.each([
    ["lockRoute", "in the route"],
    ["lockRoute", "by use"],
    ["idempotent", "in the route"],
    ["idempotent", "by use"],
  ])(
    "%s as a middleware %s: a handler that fails leaves no key behind when its client has left",
    async (by, where) => {
      const key = scene.key();
      const { locks, held } = scene.apart();
      const failed = gate();
      const lock = by === "lockRoute" ? lockRoute({ locks, key }) : idempotent(idempotency(key, { locks }));
      const app = express();
      app.set("env", "test");
      if (where === "by use") app.use(lock);
      app.post("/", ...(where === "by use" ? [] : [lock]), async () => {
        failed.open();
        throw new Error("broken");
      });
      const unhandled = unhandledRejections();
      try {
        const { url } = await listen(app);
        const request = send(url, "POST", { "idempotency-key": key });
        await failed.opened;
        if (major === 4) request.leave();
        else expect((await request.response).statusCode).toBe(500);
        await expect.poll(held).toBe(0);
        // Express 4 drops the promises of handlers: their errors are told to the process, once, as without us.
        expect(unhandled.seen).toHaveLength(major === 4 ? 1 : 0);
      } finally {
        unhandled.stop();
      }
    },
  );
});

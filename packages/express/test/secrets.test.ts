import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { ioredisBackend } from "@lock/core/ioredis";
import { startRedis } from "@lock/redis-harness";
import { leaksIn, planted, SECRET, shownBy, textsOf } from "@lock/redis-harness/secrets";
import { useOwnTests } from "@lock/redis-harness/vitest";
import express, { type NextFunction, type Request, type Response } from "express";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { describe, expect, it } from "vitest";
import { idempotent, inProcessRecords, ioredisRecords, nodeRedisRecords } from "../src/idempotent.ts";
import { lockKey, lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask } from "./support/client.ts";

useOwnTests();

/** What a caller without a type checker may pass. */
const any = (value: unknown): never => value as never;
const password = SECRET;
const values: readonly (readonly [string, unknown])[] = [
  ...planted(),
  ["an ioredis client", new Redis({ lazyConnect: true, password })],
  ["a node-redis client", createClient({ password })],
  ["a backend", ioredisBackend(new Redis({ lazyConnect: true, password }))],
];
const locks = createLocks({ backend: inProcessBackend() });
const route = { locks, key: "key" };
const answers = { locks, records: inProcessRecords(), tenant: () => "" };
const tenant = () => "";

const ROUTE = [
  ["locks", "mode", "skip", "wait", "ttl", "maxHold", "onDisconnect", "releaseAt", "onBackendError"],
  ["destroyOnLost", "contentionStatus", "retryAfter", "handler", "problem", "validate", "unheardOf"],
].flat();
const IDEMPOTENT = [
  ["locks", "records", "tenant", "wait", "ttl", "maxHold", "required", "methods", "fingerprint"],
  ["keepFor", "maxBody", "keepServerErrors", "onDisconnect", "unheardOf"],
].flat();

const ENTRIES: [string, (value: unknown) => unknown][] = [
  ["lockRoute", (value) => lockRoute(any(value))],
  ...ROUTE.map((name): [string, (value: unknown) => unknown] => [
    `lockRoute: ${name}`,
    (value) => lockRoute(any({ ...route, [name]: value })),
  ]),
  ["lockRoute: key", (value) => lockRoute(any({ locks, key: typeof value === "string" ? 7 : value }))],
  ["lockRoute: the handler", (value) => lockRoute(route, any(value))],
  ["idempotent", (value) => idempotent(any(value))],
  ...IDEMPOTENT.map((name): [string, (value: unknown) => unknown] => [
    `idempotent: ${name}`,
    (value) => idempotent(any({ ...answers, [name]: value })),
  ]),
  ["idempotent: the handler", (value) => idempotent(answers, any(value))],
  ["lockKey", (value) => void (typeof value === "string" || lockKey`order:${any(value)}`)],
  ["ioredisRecords", (value) => ioredisRecords(any(value))],
  ["nodeRedisRecords", (value) => nodeRedisRecords(any(value))],
];

describe("what was passed is not shown", () => {
  it.each(ENTRIES)("%s", async (_, use) => {
    for (const [kind, value] of values) {
      const leaks = leaksIn(await shownBy(() => use(value)));
      expect({ kind, leaks }).toEqual({ kind, leaks: [] });
    }
  });

  it("a client in the place of locks is told how to make them", () => {
    const client = new Redis({ lazyConnect: true, password });
    expect(() => lockRoute(any({ locks: client, key: "key" }))).toThrow(
      "lockRoute: locks must be what createLocks returns, got an ioredis client: pass createLocks({ backend: ioredisBackend(client) })",
    );
  });
});

/** What a request shows to its client, to error handlers and as warnings. */
async function shownWhenAsked(middleware: (done: () => void) => express.RequestHandler): Promise<string[]> {
  return shownBy(async () => {
    const told: unknown[] = [];
    const app = express();
    let done = () => {};
    const answered = new Promise<void>((resolve) => {
      done = resolve;
    });
    app.post(
      "/",
      express.json(),
      middleware(() => done()),
      (_req, res) => void res.send("done"),
    );
    app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
      told.push(error);
      res.status(500).end();
      done();
    });
    const { url } = await listen(app);
    const headers = { "idempotency-key": "once", "content-type": "application/json" };
    const { body, status } = await ask(url, { method: "POST", headers, body: "{}" });
    if (status < 400) await answered;
    return [body, ...told.flatMap(textsOf)];
  });
}

/** As clients tell of a command that failed. */
const failed = () =>
  Promise.reject(
    Object.assign(new Error(`ERR unknown command 'set', with args beginning with: '${SECRET}'`), {
      command: { name: "set", args: ["key", SECRET] },
    }),
  );

describe("what a request comes upon is not shown", () => {
  it.each<[string, RegExp, (done: () => void) => express.RequestHandler]>([
    [
      "a record that is none",
      /it is no JSON/,
      () => idempotent({ locks, tenant, records: recordsOf({ read: async () => SECRET }) }),
    ],
    [
      "records that cannot be read",
      /unknown command 'set'/,
      () => idempotent({ locks, tenant, records: recordsOf({ read: failed }) }),
    ],
    [
      "records that cannot be written",
      /could not be kept.*unknown command 'set'/s,
      (done) => {
        let tries = 0;
        const write = () => {
          tries += 1;
          if (tries === 5) setImmediate(() => setImmediate(done));
          return failed();
        };
        return idempotent({ locks, tenant, records: recordsOf({ write }) });
      },
    ],
    [
      "a tenant that is no text",
      /tenant must return a string, got an object/,
      () => idempotent({ ...answers, tenant: any(() => ({ password })) }),
    ],
    [
      "a key that is none",
      /non-empty string, got an object/,
      () => lockRoute({ locks, key: any(() => ({ password })) }),
    ],
    [
      "a key in a list that is none",
      /non-empty string, got an object/,
      () => lockRoute({ locks, key: any(() => [{ password }]) }),
    ],
  ])("%s", async (_, said, middleware) => {
    const texts = await shownWhenAsked(middleware);
    expect(texts.join()).toMatch(said);
    expect(leaksIn(texts)).toEqual([]);
  });
});

function recordsOf(change: object) {
  return { read: async () => null, write: async () => undefined, ...change };
}

describe("what was made shows no secret", () => {
  it("middlewares, records and the lease of a request", async () => {
    await using server = await startRedis({ password });
    const redis = new Redis(server.url);
    const own = createLocks({ backend: ioredisBackend(redis) });
    const made = [
      lockRoute({ locks: own, key: "key" }),
      idempotent({ locks: own, records: ioredisRecords(redis), tenant }),
      ioredisRecords(redis),
      nodeRedisRecords(createClient({ password })),
    ];
    const texts: string[] = [];
    const app = express().post("/", lockRoute({ locks: own, key: "key" }), (_req, res) => {
      texts.push(...textsOf(res.locals.lease));
      res.end();
    });
    await ask((await listen(app)).url);
    expect(texts).toHaveLength(2);
    expect(leaksIn([...texts, ...made.flatMap(textsOf)])).toEqual([]);
    await own.close();
    redis.disconnect();
  });
});

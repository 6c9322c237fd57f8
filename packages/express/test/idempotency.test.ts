import type { RequestHandler } from "express";
import { describe, expect, it } from "vitest";
import { type IdempotentOptions, idempotent, inProcessRecords, type RecordStore } from "../src/idempotent.ts";
import { lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask, send } from "./support/client.ts";
import { type ExpressMajor, expresses } from "./support/expresses.ts";
import { gate } from "./support/gate.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();

interface Shop {
  readonly url: string;
  readonly records: RecordStore;
  /** How often the work was done. */
  done(): number;
}

const forms = expresses.flatMap((major) => [
  { ...major, form: "wrapper" as const },
  { ...major, form: "middleware" as const },
]);

async function shop(
  { express, form }: ExpressMajor & { readonly form: "wrapper" | "middleware" },
  work: RequestHandler,
  options: Partial<IdempotentOptions> = {},
): Promise<Shop> {
  const records = options.records ?? inProcessRecords();
  let done = 0;
  const handler: RequestHandler = (req, res, next) => {
    done += 1;
    return work(req, res, next);
  };
  const given = {
    locks: scene.locks,
    records,
    tenant: (req: { headers: Record<string, unknown> }) => String(req.headers["x-tenant"] ?? ""),
    ...options,
  };
  const app = express();
  app.set("env", "test");
  app.use(express.json(), express.text(), express.raw());
  const route = form === "wrapper" ? [idempotent(given, handler)] : [idempotent(given), handler];
  app.all("/orders/:id", ...route);
  const { url } = await listen(app);
  return { url: `${url}/orders/7`, records, done: () => done };
}

let keys = 0;
const newKey = () => `"${++keys}-8e03978e-40d5-43dd-bc93-6894a57f9324"`;
const post = (key: string | undefined, body: unknown = { cents: 5 }, more: Record<string, string> = {}) => ({
  headers: {
    "content-type": "application/json",
    ...(key !== undefined && { "idempotency-key": key }),
    ...more,
  },
  body: JSON.stringify(body),
});
const charge: RequestHandler = (req, res) => {
  res.status(201).set("x-charge", "1").cookie("session", "secret").json({ charged: req.body.cents });
};

describe.each(forms)("$name, $form", (combination) => {
  it("does the work once, and answers the same again", async () => {
    const { url, done } = await shop(combination, charge);
    const key = newKey();
    const first = await ask(url, post(key));
    const again = await ask(url, post(key));
    expect([first.status, first.body]).toEqual([201, '{"charged":5}']);
    expect([again.status, again.body]).toEqual([201, '{"charged":5}']);
    for (const name of ["content-type", "content-length", "x-charge", "etag"]) {
      expect(again.headers.get(name)).toBe(first.headers.get(name));
    }
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect([first.headers.get("set-cookie"), again.headers.get("set-cookie")]).toEqual([
      expect.anything(),
      null,
    ]);
    expect(done()).toBe(1);
  });

  it("does not mind how the key is quoted, nor in which order the fields are sent", async () => {
    const { url, done } = await shop(combination, charge);
    await ask(url, post('"a-key"', { cents: 5, to: { a: 1, b: [2] } }));
    const again = await ask(url, post("a-key", { to: { b: [2], a: 1 }, cents: 5 }));
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(done()).toBe(1);
  });

  it("refuses the same key with another payload, query or order", async () => {
    const { url, done } = await shop(combination, charge);
    const key = newKey();
    await ask(url, post(key));
    for (const other of [
      await ask(url, post(key, { cents: 6 })),
      await ask(`${url}?now=1`, post(key)),
      await ask(url.replace("/orders/7", "/orders/8"), post(key)),
    ]) {
      expect([other.status, other.headers.get("content-type")]).toEqual([
        422,
        "application/problem+json; charset=utf-8",
      ]);
      expect(JSON.parse(other.body)).toMatchObject({ status: 422, code: "IDEMPOTENCY_KEY_REUSED" });
    }
    expect(done()).toBe(1);
  });

  it("keeps the keys of tenants and methods apart", async () => {
    const { url, done } = await shop(combination, charge);
    const key = newKey();
    await ask(url, post(key));
    expect((await ask(url, post(key, { cents: 5 }, { "x-tenant": "b" }))).status).toBe(201);
    expect((await ask(url, { ...post(key), method: "PATCH" })).status).toBe(201);
    expect(done()).toBe(3);
  });

  it("refuses a second request while the first is worked on, and answers it when asked again", async () => {
    const [started, finish] = [gate(), gate()];
    const { url, done } = await shop(combination, async (req, res, next) => {
      started.open();
      await finish.opened;
      return charge(req, res, next);
    });
    const key = newKey();
    const first = ask(url, post(key));
    await started.opened;
    const second = await ask(url, post(key));
    expect(second.status).toBe(409);
    expect(Number(second.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(JSON.parse(second.body)).toMatchObject({ status: 409, code: "IDEMPOTENCY_KEY_IN_USE" });
    finish.open();
    expect((await first).status).toBe(201);
    expect((await ask(url, post(key))).headers.get("idempotent-replayed")).toBe("true");
    expect(done()).toBe(1);
  });

  it("lets all that wait have the answer of the first", async () => {
    const { url, done } = await shop(combination, charge, { wait: 20_000 });
    const key = newKey();
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(url, post(key))));
    expect(answers.map(({ status, body }) => [status, body])).toEqual(Array(20).fill([201, '{"charged":5}']));
    expect(answers.filter(({ headers }) => headers.get("idempotent-replayed") === null)).toHaveLength(1);
    expect(done()).toBe(1);
  });

  it("looks again when it has the lock: the answer may have come meanwhile", async () => {
    const real = inProcessRecords();
    let reads = 0;
    const asked = gate();
    const answered = gate();
    const records: RecordStore = {
      write: real.write,
      read: async (id) => {
        reads += 1;
        if (reads !== 2) return real.read(id);
        // The second request has looked, and found nothing; then the first one is answered.
        asked.open();
        await answered.opened;
        return null;
      },
    };
    const { url, done } = await shop(combination, charge, { records });
    const key = newKey();
    const early = gate();
    const late = (async () => {
      await early.opened;
      return ask(url, post(key));
    })();
    reads = 1;
    early.open();
    await asked.opened;
    expect((await ask(url, post(key))).status).toBe(201);
    answered.open();
    expect((await late).headers.get("idempotent-replayed")).toBe("true");
    expect(done()).toBe(1);
  });

  it("keeps the answer although the client has left", async () => {
    const [started, closed, finish, finished] = [gate(), gate(), gate(), gate()];
    const { url, done } = await shop(combination, async (_req, res) => {
      res.on("close", () => closed.open());
      started.open();
      await finish.opened;
      res.status(201).send("done");
      finished.open();
    });
    const first = send(url);
    first.leave();
    const key = newKey();
    const left = new AbortController();
    const leaving = ask(url, { ...post(key), signal: left.signal }).catch(() => undefined);
    await started.opened;
    left.abort();
    await closed.opened;
    await leaving;
    finish.open();
    await finished.opened;
    await expect.poll(async () => (await ask(url, post(key))).status).toBe(201);
    expect((await ask(url, post(key))).headers.get("idempotent-replayed")).toBe("true");
    expect(done()).toBeLessThanOrEqual(2);
  });

  it("asks for the key where it is required, and refuses what is none", async () => {
    const { url, done } = await shop(combination, charge, { required: true });
    const missing = await ask(url, post(undefined));
    expect([missing.status, JSON.parse(missing.body).code]).toEqual([400, "IDEMPOTENCY_KEY_MISSING"]);
    for (const wrong of ["", '""', '"a', "a b", 'a"b', "x".repeat(256), "a, b", '"ä"']) {
      const answer = await ask(
        url,
        post(encodeURI(wrong) === wrong || !/ä/.test(wrong) ? wrong : '"\u00e4"'),
      );
      expect([answer.status, wrong]).toEqual([400, wrong]);
    }
    expect(done()).toBe(0);
    await ask(url, { method: "GET" });
    expect(done()).toBe(1);
  });

  it("lets requests without a key through where it is not required", async () => {
    const { url, done } = await shop(combination, charge);
    await ask(url, post(undefined));
    await ask(url, post(undefined));
    expect(done()).toBe(2);
  });

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

  it("refuses a payload that it cannot see", async () => {
    const { url, done } = await shop(combination, charge);
    const answer = await ask(url, {
      headers: { "content-type": "application/x-unknown", "idempotency-key": newKey() },
      body: "x=1",
    });
    expect([answer.status, done()]).toEqual([500, 0]);
    expect((await ask(url, post(newKey(), {}))).status).toBe(201);
  });

  it("takes the fingerprint from a function, and the bytes of raw bodies", async () => {
    const own = await shop(combination, charge, { fingerprint: async (req) => String(req.body.cents) });
    const key = newKey();
    await ask(own.url, post(key, { cents: 5, at: 1 }));
    expect((await ask(own.url, post(key, { cents: 5, at: 2 }))).status).toBe(201);
    expect((await ask(own.url, post(key, { cents: 6, at: 2 }))).status).toBe(422);
    const raw = await shop(combination, charge);
    const bytes = (text: string) => ({
      headers: { "content-type": "application/octet-stream", "idempotency-key": key },
      body: text,
    });
    expect((await ask(raw.url, bytes("one"))).status).toBe(201);
    expect((await ask(raw.url, bytes("one"))).headers.get("idempotent-replayed")).toBe("true");
    expect((await ask(raw.url, bytes("two"))).status).toBe(422);
  });

  it("answers 503 when the records or the locks cannot be reached, and does nothing", async () => {
    const broken: RecordStore = { ...inProcessRecords(), read: () => Promise.reject(new Error("gone")) };
    const records = await shop(combination, charge, { records: broken });
    expect((await ask(records.url, post(newKey()))).status).toBe(503);
    const locked = await shop(combination, charge);
    scene.proxy.blackhole();
    expect((await ask(locked.url, post(newKey()))).status).toBe(503);
    scene.proxy.heal();
    expect([records.done(), locked.done()]).toEqual([0, 0]);
  });

  it("holds the key while an answer cannot be kept, and tries again", async () => {
    const real = inProcessRecords();
    let failures = 2;
    const records: RecordStore = {
      read: real.read,
      write: (...record) => (failures-- > 0 ? Promise.reject(new Error("gone")) : real.write(...record)),
    };
    const { url, done } = await shop(combination, charge, { records, wait: 20_000 });
    const key = newKey();
    expect((await ask(url, post(key))).status).toBe(201);
    expect((await ask(url, post(key))).headers.get("idempotent-replayed")).toBe("true");
    expect(done()).toBe(1);
  });
});

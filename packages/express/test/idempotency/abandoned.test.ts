import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { LockUsageError } from "@lock/core";
import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, it } from "vitest";
import {
  idempotent,
  inProcessRecords,
  ioredisRecords,
  type RecordStore,
  settleIdempotent,
} from "../../src/idempotent.ts";
import { getLease } from "../../src/index.ts";
import { ask, send } from "../support/client.ts";
import { expresses } from "../support/expresses.ts";
import { useLocks } from "../support/locks.ts";
import { forms, newKey, post, shopOn } from "./orders.ts";

const scene = useLocks();
const shop = shopOn(scene);
const onAbandoned = "refuse";

/** A key as it is sent, and as it is settled. */
function keys() {
  const sent = newKey();
  return { sent, request: { method: "POST", route: "/orders/:id", key: sent.slice(1, -1) } };
}

describe.concurrent.each(newestOrOlder(forms))("$name, $form: onAbandoned refuse", (combination) => {
  /** A shop whose first request is never answered, and has lost its lease. */
  async function abandoned(records = inProcessRecords()) {
    const { sent, request } = keys();
    const [started, finish] = [gate<readonly string[]>(), gate()];
    let runs = 0;
    const { url, done } = await shop(
      combination,
      async (_req, res) => {
        runs += 1;
        if (runs === 1) {
          started.open(getLease(res)?.keys ?? []);
          await finish.opened;
        }
        res.status(201).send(`run ${runs}`);
      },
      { onAbandoned, records },
    );
    const first = send(url, "POST", { ...post(sent).headers, "content-length": "0" });
    for (const key of await started.opened) await scene.rivals.forceRelease(key);
    const retry = () => ask(url, { headers: { "idempotency-key": sent } });
    await expect.poll(async () => JSON.parse((await retry()).body).code).toBe("ABANDONED");
    return { url, done, records, request, retry, first, finish };
  }

  it("refuses retries of what was begun and never answered, until it is settled", async () => {
    const { done, records, request, retry } = await abandoned();
    const refused = await retry();
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([409, null]);
    expect(JSON.parse(refused.body)).toMatchObject({ status: 409, code: "ABANDONED" });
    expect(await settleIdempotent(records, { tenant: "b", request, as: "done" })).toBe("unknown");
    expect(await settleIdempotent(records, { tenant: "", request, as: "retry" })).toBe("settled");
    expect(done()).toBe(1);
    expect(await retry()).toMatchObject({ status: 201, body: "run 2" });
    expect(await retry()).toMatchObject({ status: 201, body: "run 2" });
    expect(await settleIdempotent(records, { tenant: "", request, as: "done" })).toBe("answered");
    expect(done()).toBe(2);
  });

  it("does not do again what is settled as done", async () => {
    const { done, records, request, retry } = await abandoned();
    expect(await settleIdempotent(records, { tenant: "", request, as: "done" })).toBe("settled");
    const refused = await retry();
    expect([refused.status, JSON.parse(refused.body).code]).toEqual([409, "IDEMPOTENCY_ANSWER_NOT_KEPT"]);
    expect(done()).toBe(1);
  });

  it("has the answer where it comes after all", async () => {
    const { done, retry, first, finish, records, request } = await abandoned();
    finish.open();
    expect((await first.response).statusCode).toBe(201);
    expect(await retry()).toMatchObject({ status: 201, body: "run 1" });
    expect(await settleIdempotent(records, { tenant: "", request, as: "retry" })).toBe("answered");
    expect(done()).toBe(1);
  });

  it.each([
    ["503", 503],
    ["429", 429],
    ["408", 408],
    ["425", 425],
  ])("lets work that ended with %s be done again", async (_what, status) => {
    const { sent } = keys();
    const { url, done } = await shop(combination, (_req, res) => void res.sendStatus(status), {
      onAbandoned,
    });
    for (let turn = 0; turn < 2; turn++) expect((await ask(url, post(sent))).status).toBe(status);
    expect(done()).toBe(2);
  });

  it("costs one write more than run", async () => {
    const count = async (options: object) => {
      const real = inProcessRecords();
      const asked: string[] = [];
      const records: RecordStore = {
        read: (id) => {
          asked.push("read");
          return real.read(id);
        },
        write: (...args) => {
          asked.push("write");
          return real.write(...args);
        },
        replace: async (...args) => {
          asked.push("write");
          return (await real.replace?.(...args)) ?? false;
        },
      };
      const { url } = await shop(combination, (_req, res) => void res.send("done"), { records, ...options });
      await ask(url, post(newKey()));
      return asked;
    };
    expect(await count({})).toEqual(["read", "read", "write"]);
    expect(await count({ onAbandoned })).toEqual(["read", "write", "read", "write"]);
  });
});

describe.concurrent.each(newestOrOlder(expresses))("$name", ({ express }) => {
  it("does not do the work again when its process was killed", async () => {
    const { fork } = await import("node:child_process");
    const child = fork(new URL("../support/abandoning.mjs", import.meta.url), [scene.proxy.url], {
      execArgv: [],
    });
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    const begun = once(child, "message");
    const { sent, request } = keys();
    const left = ask(`http://127.0.0.1:${port}/orders/7`, post(sent)).catch(() => "gone");
    await begun;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    expect(await left).toBe("gone");
    let done = 0;
    const app = express();
    app.use(express.json());
    const records = ioredisRecords(scene.redis);
    app.post(
      "/orders/:id",
      idempotent(
        { locks: scene.locks, records, tenant: () => "", onAbandoned, wait: 10_000 },
        (_req, res) => {
          done += 1;
          res.send("done");
        },
      ),
    );
    const server = createServer(app).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders/7`;
    const refused = await ask(url, post(sent));
    expect([refused.status, JSON.parse(refused.body).code, done]).toEqual([409, "ABANDONED", 0]);
    expect(await settleIdempotent(records, { tenant: "", request, as: "retry" })).toBe("settled");
    expect([(await ask(url, post(sent))).body, done]).toEqual(["done", 1]);
    server.closeAllConnections();
    server.close();
  });
});

describe("bad input", () => {
  const { read, write } = inProcessRecords();

  it("refuse needs records that can replace", () => {
    const options = { locks: scene.locks, records: { read, write }, tenant: () => "" };
    expect(() => idempotent({ ...options, onAbandoned })).toThrow(LockUsageError);
    expect(() => idempotent(options)).not.toThrow();
  });

  it("settleIdempotent refuses such records, and what it does not know", async () => {
    const { request } = keys();
    const settle = (records: RecordStore, as: string) =>
      settleIdempotent(records, { tenant: "", request, as: as as "done" });
    await expect(settle({ read, write }, "done")).rejects.toThrow(LockUsageError);
    await expect(settle(inProcessRecords(), "again")).rejects.toThrow(
      'as must be "done" or "retry", got \'again\'',
    );
  });
});

describe.concurrent.each(newestOrOlder(forms))(
  "$name, $form: a record that cannot be read",
  (combination) => {
    it.each([
      ["no JSON", "{"],
      ["of no version", '{"kind":"answer","status":200}'],
      ["of another version", '{"v":2,"kind":"answer"}'],
      ["of another kind", '{"v":1,"kind":"other"}'],
      ["nothing", "null"],
      ["empty", ""],
    ])("%s: the work is not done", async (_what, text) => {
      const records: RecordStore = { ...inProcessRecords(), read: async () => text };
      const { url, done } = await shop(combination, (_req, res) => void res.send("done"), { records });
      const answer = await ask(url, post(newKey()));
      expect([answer.status, answer.headers.get("content-type"), done()]).toEqual([
        503,
        "application/problem+json; charset=utf-8",
        0,
      ]);
    });
  },
);

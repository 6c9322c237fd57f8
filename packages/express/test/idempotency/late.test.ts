import { once } from "node:events";
import type { Socket } from "node:net";
import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import type { RequestHandler, Response } from "express";
import { describe, it } from "vitest";
import { inProcessRecords, type RecordStore } from "../../src/idempotent.ts";
import { getLease, lockRoute } from "../../src/index.ts";
import { ask, send } from "../support/client.ts";
import { useLocks } from "../support/locks.ts";
import { forms, newKey, post, shopOn } from "./orders.ts";

const scene = useLocks();
const shop = shopOn(scene);

/** Blocks the event loop, as a long computation does. */
function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

/** Longer than a loaded machine takes to begin the work. */
const HOLD = 2_500;

async function leaseOver(res: Response): Promise<void> {
  const signal = getLease(res)?.signal;
  if (signal !== undefined && !signal.aborted) await once(signal, "abort");
}

/** How a lease comes to its end before the answer, and what its client is told. */
type Way = readonly [string, RequestHandler, object];

/** Nothing else goes on in this process meanwhile. */
const standing: Way = [
  "the event loop stood still for longer than the lease",
  async (_req, res) => {
    block(500);
    res.status(201).json({ done: true });
  },
  { ttl: 300 },
];
const ways: readonly Way[] = [
  [
    "maxHold was over in the middle of the answer",
    async (_req, res) => {
      res.status(201).type("json").write('{"done":');
      await leaseOver(res);
      res.end("true}");
    },
    { maxHold: HOLD },
  ],
  [
    "maxHold was over before the answer",
    async (_req, res) => {
      await leaseOver(res);
      res.status(201).json({ done: true });
    },
    { maxHold: HOLD },
  ],
  [
    "it was released by force",
    async (_req, res) => {
      for (const key of getLease(res)?.keys ?? []) await scene.rivals.forceRelease(key);
      await leaseOver(res);
      res.status(201).json({ done: true });
    },
    { ttl: HOLD },
  ],
];

async function isKeptLate(combination: (typeof forms)[number], [, work, options]: Way): Promise<void> {
  const { url, done } = await shop(combination, work, options);
  const key = newKey();
  const first = await ask(url, post(key));
  expect([first.status, first.body]).toEqual([201, '{"done":true}']);
  await expect.poll(async () => (await ask(url, post(key))).headers.get("idempotent-replayed")).toBe("true");
  expect(await ask(url, post(key))).toMatchObject({ status: 201, body: '{"done":true}' });
  expect(done()).toBe(1);
}

describe.each(newestOrOlder(forms))("$name, $form", (combination) => {
  it(`an answer is kept although its lease is over: ${standing[0]}`, () => isKeptLate(combination, standing));
});

describe.concurrent.each(newestOrOlder(forms))("$name, $form", (combination) => {
  // The longest one first.
  it.each(["read", "write"] as const)(
    "a store whose %s never settles keeps no key locked",
    async (method) => {
      const real = inProcessRecords();
      const never = new Promise<never>(() => undefined);
      let reads = 0;
      const records: RecordStore = {
        read: (id) => (method === "read" && ++reads > 1 ? never : real.read(id)),
        write: (id, record, keepFor) => (method === "write" ? never : real.write(id, record, keepFor)),
      };
      const { locks, held } = scene.apart();
      const options = { records, locks };
      const { url } = await shop(combination, (_req, res) => void res.send("done"), options);
      const request = send(url, "POST", { "idempotency-key": newKey() });
      if (method === "write") expect((await request.response).statusCode).toBe(200);
      else {
        await expect.poll(held).toBe(1);
        request.leave();
      }
      await expect.poll(held).toBe(0);
    },
  );

  it.each(ways)("an answer is kept although its lease is over: %s", async (...way) => {
    await isKeptLate(combination, way);
  });

  it("the first answer counts where a retry has done the work again", async () => {
    const [started, finish] = [gate(), gate()];
    let runs = 0;
    const { url, done } = await shop(
      combination,
      async (_req, res) => {
        const run = ++runs;
        if (run === 1) {
          started.open();
          await finish.opened;
        }
        res.send(`run ${run}`);
      },
      { maxHold: HOLD, wait: 20_000 },
    );
    const key = newKey();
    const first = ask(url, post(key));
    await started.opened;
    expect((await ask(url, post(key))).body).toBe("run 2");
    finish.open();
    expect((await first).body).toBe("run 1");
    expect((await ask(url, post(key))).body).toBe("run 2");
    expect(done()).toBe(2);
  });

  it("a handler that heeds the signal of a lost lease is answered with 503, and may be tried again", async () => {
    const { url, done } = await shop(
      combination,
      async (_req, res) => {
        const signal = getLease(res)?.signal;
        if (done() > 1) return void res.send("again");
        await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
      },
      { maxHold: HOLD },
    );
    const key = newKey();
    // Express 4 drops the error of a middleware form: nobody answers.
    if (combination.form === "middleware" && combination.major === 4) return;
    const lost = await ask(url, post(key));
    expect([lost.status, lost.headers.get("content-type")]).toEqual([
      503,
      "application/problem+json; charset=utf-8",
    ]);
    expect((await ask(url, post(key))).body).toBe("again");
  });

  it("an answer is kept although the lease of an inner lock is over", async () => {
    const inner = lockRoute({ locks: scene.locks, key: scene.key(), maxHold: HOLD }, async (_req, res) => {
      await leaseOver(res);
      res.status(201).send("done");
    });
    const { url, done } = await shop(combination, inner);
    const key = newKey();
    expect((await ask(url, post(key))).status).toBe(201);
    await expect
      .poll(async () => (await ask(url, post(key))).headers.get("idempotent-replayed"))
      .toBe("true");
    expect(done()).toBe(1);
  });

  it("a handler that fails in its own way when its lease is lost is answered for that", async () => {
    const { url } = await shop(
      combination,
      (_req, res, next) => {
        const fail = () => next(Object.assign(new Error("no tea"), { status: 418 }));
        getLease(res)?.signal.addEventListener("abort", fail);
      },
      { maxHold: HOLD },
    );
    const answer = await ask(url, post(newKey()));
    expect([answer.status, answer.headers.get("content-type")]).toEqual([418, "text/html; charset=utf-8"]);
  });

  it("does no work for a client who left while the records were looked at", async () => {
    const real = inProcessRecords();
    const [looking, left] = [gate(), gate()];
    let reads = 0;
    const records: RecordStore = {
      write: real.write,
      read: async (id) => {
        if (++reads !== 2) return real.read(id);
        looking.open();
        await left.opened;
        return null;
      },
    };
    const { locks, held } = scene.apart();
    const options = { records, locks };
    const { url, done, server } = await shop(combination, (_req, res) => void res.send("done"), options);
    const connected = new Promise<Socket>((resolve) => server.once("connection", resolve));
    const request = send(url, "POST", { "idempotency-key": newKey() });
    const socket = await connected;
    await looking.opened;
    const closed = new Promise((resolve) => socket.once("close", resolve));
    request.leave();
    await closed;
    left.open();
    await expect.poll(held).toBe(0);
    expect(done()).toBe(0);
  });
});

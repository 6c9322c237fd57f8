import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, it } from "vitest";
import { getLease, lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask, send } from "./support/client.ts";
import { expresses } from "./support/expresses.ts";
import { appOf, combinations } from "./support/forms.ts";
import { useLocks } from "./support/locks.ts";
import { routeBehindRival } from "./support/rival.ts";

const scene = useLocks();

describe.concurrent.each(newestOrOlder(combinations))("$name, $form", (combination) => {
  it("runs the handler with a lease, which is released when the client has the answer", async () => {
    const { locks, rivals } = scene;
    const key = scene.key();
    const app = appOf(combination, { locks, key }, async (_req, res) => {
      const lease = getLease(res);
      expect(res.locals.lease).toBe(lease);
      res.json({ keys: lease?.keys, fence: lease?.fencingToken, held: await locks.inspect(key) });
    });
    const { url } = await listen(app);
    const { body } = await ask(url);
    expect(await rivals.inspect(key)).toBeNull();
    expect(JSON.parse(body)).toMatchObject({
      keys: [key],
      fence: expect.any(Number),
      held: { key, mode: "exclusive" },
    });
  });

  it("refuses at once while another request is worked on, and says so as RFC 9457 has it", async () => {
    const { locks } = scene;
    const key = scene.key();
    const [started, finish] = [gate(), gate()];
    const app = appOf(combination, { locks, key, ttl: 20_000 }, async (_req, res) => {
      started.open();
      await finish.opened;
      res.send("done");
    });
    const { url } = await listen(app);
    const first = ask(url);
    await started.opened;
    const second = await ask(`${url}/?token=secret`);
    expect(second.status).toBe(409);
    expect(second.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    const retryAfter = Number(second.headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(20);
    expect(JSON.parse(second.body)).toEqual({
      type: "about:blank",
      title: "Conflict",
      status: 409,
      detail: "Another request is working on this. Try again later.",
      instance: "/",
      code: "LOCK_BUSY",
    });
    finish.open();
    expect(await first).toMatchObject({ status: 200, body: "done" });
  });

  it("waits when it is told to, first come first served, and longest as long as it is told", async () => {
    const { locks, rivals } = scene;
    const key = scene.key();
    const app = appOf(combination, { locks, key, wait: 20_000 }, (_req, res) => void res.send("done"));
    const impatient = appOf(combination, { locks, key, wait: 400 }, (_req, res) => void res.send("done"));
    const [{ url }, { url: impatientUrl }] = [await listen(app), await listen(impatient)];
    const held = await rivals.acquire(key);
    expect((await ask(impatientUrl)).status).toBe(409);
    const answers = [ask(url), ask(url), ask(url)];
    await expect.poll(async () => (await rivals.inspect(key))?.waiters).toHaveLength(3);
    await held.release();
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200);
  });

  it("answers a refused HEAD without a body", async () => {
    const key = scene.key();
    const held = await scene.rivals.acquire(key);
    const app = appOf(combination, { locks: scene.locks, key }, (_req, res) => void res.send("done"));
    const { url } = await listen(app);
    expect(await ask(url, { method: "HEAD" })).toMatchObject({ status: 409, body: "" });
    await held.release();
    const { status, headers } = await ask(url, { method: "HEAD" });
    expect([status, headers.get("content-length")]).toEqual([200, "4"]);
    expect(await scene.rivals.inspect(key)).toBeNull();
  });
});

describe.concurrent.each(newestOrOlder(expresses))("$name", ({ express }) => {
  async function refusedBy(options: Partial<Parameters<typeof lockRoute>[0]>) {
    const key = scene.key();
    const held = await scene.rivals.acquire(key, { ttl: 7_000, renew: false });
    const app = express();
    app.post(
      "/orders/:id",
      lockRoute({ locks: scene.locks, key, ...options }, (_req, res) => void res.send("done")),
    );
    const { url } = await listen(app);
    const answer = await ask(`${url}/orders/4%3C2?x=1`);
    await held.release();
    return { key, answer };
  }

  it.each([409, 423, 429, 503] as const)("refuses with %i when that is wanted", async (status) => {
    const { answer } = await refusedBy({ contentionStatus: status });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ status, instance: "/orders/4%3C2" });
  });

  it("takes Retry-After from how long the key was held lately, or from the option", async () => {
    const byDefault = await refusedBy({});
    expect(byDefault.answer.headers.get("retry-after")).toBe("1");
    const fixed = await refusedBy({ retryAfter: 1_001 });
    expect(fixed.answer.headers.get("retry-after")).toBe("2");
    const computed = await refusedBy({
      retryAfter: (error, req) => (error.holder?.holder === "rival" ? req.path.length * 1_000 : 0),
    });
    expect(computed.answer.headers.get("retry-after")).toBe("13");
  });

  it("says in the problem what the options say, and the key only when it is asked for", async () => {
    const problem = { type: "https://shop.test/busy", title: "Busy", detail: "Later.", instance: "/here" };
    const { key, answer } = await refusedBy({ problem: { ...problem, key: true } });
    expect(JSON.parse(answer.body)).toEqual({ ...problem, status: 409, code: "LOCK_BUSY", keys: [key] });
  });

  it("leaves the answer to the handler of refusals", async () => {
    const { key, answer } = await refusedBy({
      handler: async (req, res, _next, refusal) => {
        const { keys, status, retryAfter, error } = refusal;
        res.status(418).json({ keys, status, retryAfter, holder: error.holder?.holder, path: req.path });
      },
    });
    expect(answer.status).toBe(418);
    expect(JSON.parse(answer.body)).toMatchObject({
      keys: [key],
      status: 409,
      holder: "rival",
      path: "/orders/4%3C2",
    });
  });

  it("gives next what the handler of refusals throws", async () => {
    const { answer } = await refusedBy({
      handler: () => Promise.reject(Object.assign(new Error("x"), { status: 444 })),
    });
    expect(answer.status).toBe(444);
  });
});

describe.concurrent("a request that cannot be served", () => {
  it.each(newestOrOlder(combinations))(
    "$name, $form: leaves while waiting, and never reaches the handler",
    async (combination) => {
      const { url, held, waiters, calls } = await routeBehindRival(scene, combination);
      const first = send(url);
      await expect.poll(waiters).toHaveLength(1);
      first.leave();
      await expect.poll(waiters).toHaveLength(0);
      await held.release();
      expect((await ask(url)).status).toBe(200);
      expect(calls()).toBe(1);
    },
  );
});

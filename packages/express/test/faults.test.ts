import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import type { ErrorRequestHandler } from "express";
import { describe, it } from "vitest";
import { idempotent } from "../src/idempotent.ts";
import { lockKey, lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask } from "./support/client.ts";
import { expresses } from "./support/expresses.ts";
import { appOf, combinations } from "./support/forms.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();
const PROBLEM = "application/problem+json; charset=utf-8";

describe.concurrent.each(newestOrOlder(combinations))(
  "$name, $form: where an app has no error handler",
  (combination) => {
    it("a lost lease is told by a problem document", async () => {
      const key = scene.key();
      const started = gate();
      const app = appOf(combination, { locks: scene.locks, key, ttl: 600 }, () => started.open());
      const { url } = await listen(app);
      const answer = ask(url);
      await started.opened;
      await scene.rivals.forceRelease(key);
      const { status, headers, body } = await answer;
      expect([status, headers.get("content-type"), headers.get("retry-after")]).toEqual([503, PROBLEM, null]);
      expect(JSON.parse(body)).toMatchObject({ status: 503, code: "LOCK_LOST", instance: "/" });
      expect(headers.get("content-length")).toBe(String(Buffer.byteLength(body)));
      expect(body).not.toContain(key);
    });

    it("an outage is told by a problem document", async () => {
      const { locks, proxy } = await scene.faulty();
      const app = appOf(combination, { locks, key: scene.key() }, (_req, res) => void res.send("done"));
      const { url } = await listen(app);
      proxy.blackhole();
      const { status, headers, body } = await ask(url);
      expect([status, headers.get("content-type")]).toEqual([503, PROBLEM]);
      expect(JSON.parse(body)).toMatchObject({ code: "LOCK_BACKEND" });
      // No stack, no address.
      expect(body).not.toMatch(/127\.0\.0\.1|node:|\.ts/);
    });

    it("a mistake of the route is told by one, too", async () => {
      const key = (): string => lockKey`order:${undefined}`;
      const app = appOf(combination, { locks: scene.locks, key }, (_req, res) => void res.send("done"));
      const { url } = await listen(app);
      const { status, headers, body } = await ask(url);
      expect([status, headers.get("content-type"), JSON.parse(body).code]).toEqual([
        500,
        PROBLEM,
        "LOCK_USAGE",
      ]);
    });

    it("what others throw stays what it is", async () => {
      const key = () => {
        throw Object.assign(new Error("no such order"), { status: 404 });
      };
      const app = appOf(combination, { locks: scene.locks, key }, (_req, res) => void res.send("done"));
      const { url } = await listen(app);
      const { status, headers } = await ask(url);
      expect([status, headers.get("content-type")]).toEqual([404, "text/html; charset=utf-8"]);
    });
  },
);

describe.concurrent.each(newestOrOlder(expresses))("$name", ({ express }) => {
  it("an app's own error handler answers as it likes, also with a page", async () => {
    const page = "<!DOCTYPE html><title>Error</title>sorry";
    const app = express();
    const records = { read: async () => Promise.reject(new Error("away")), write: async () => undefined };
    app.post("/", idempotent({ locks: scene.locks, records, tenant: () => "" }));
    app.use(((error, _req, res, _next) => res.status(error.status).send(page)) satisfies ErrorRequestHandler);
    const { url } = await listen(app);
    const { status, headers, body } = await ask(url, { headers: { "idempotency-key": "a" } });
    expect([status, headers.get("content-type"), body]).toEqual([503, "text/html; charset=utf-8", page]);
  });

  it.each([
    ["512 bytes are a key", "x".repeat(506), 200],
    ["513 bytes are none", "x".repeat(507), 400],
    ["513 bytes of fewer letters are none", `${"ü".repeat(253)}x`, 400],
    ["half a letter is none", "\\ud800", 400],
  ])("keys that clients make: %s", async (_what, id, status) => {
    const app = express();
    app.use(express.json());
    const key = (req: { body: { id: string } }) => `order:${req.body.id}`;
    app.post(
      "/",
      lockRoute({ locks: scene.locks, key }, (_req, res) => void res.send("done")),
    );
    const { url } = await listen(app);
    const headers = { "content-type": "application/json" };
    const answer = await ask(url, { headers, body: `{"id":"${id}"}` });
    expect(answer.status).toBe(status);
    if (status === 200) return;
    expect([answer.headers.get("content-type"), JSON.parse(answer.body).code]).toEqual([
      PROBLEM,
      "LOCK_KEY_INVALID",
    ]);
    expect(answer.body).not.toContain("xxx");
  });

  it("tells a refused request how long its key was held lately, and not how long the lease is", async () => {
    const [slow, quick] = [scene.key(), scene.key()];
    const app = express();
    const goOn = new Map([
      [slow, gate()],
      [quick, gate()],
    ]);
    const started = gate();
    let count = 0;
    app.post(
      "/:key",
      lockRoute({ locks: scene.locks, key: (req) => String(req.params.key) }, async (req, res) => {
        count += 1;
        if (count === 1) await new Promise((resolve) => setTimeout(resolve, 1_200));
        if (count > 2) {
          started.open();
          await goOn.get(String(req.params.key))?.opened;
        }
        res.send("done");
      }),
    );
    const { url } = await listen(app);
    await ask(`${url}/${slow}`);
    await ask(`${url}/${quick}`);
    for (const [key, least, most] of [
      [slow, 2, 4],
      [quick, 1, 1],
    ] as const) {
      const holding = ask(`${url}/${key}`);
      await expect.poll(() => scene.rivals.inspect(key)).not.toBeNull();
      const told = Number((await ask(`${url}/${key}`)).headers.get("retry-after"));
      expect(told).toBeGreaterThanOrEqual(least);
      expect(told).toBeLessThanOrEqual(most);
      goOn.get(key)?.open();
      expect((await holding).status).toBe(200);
    }
  });
});

import { STEPS, stepWallClock } from "@lock/redis-harness/stepped-clock";
import { gate } from "@lock/redis-harness/vitest";
import express from "express";
import { describe, expect, it } from "vitest";
import { idempotent, inProcessRecords } from "../src/idempotent.ts";
import { lockRoute, type Refusal } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask } from "./support/client.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();
const HOUR = 3_600_000;
/** Of a loaded machine. */
const SLACK = 1_000;

/** Another program has the key: its lease knows no clock of ours. */
const lockedByOthers = (key: string, ttl: number) =>
  scene.redis.set(`lock:{${key}}`, "theirs", "PX", ttl, "NX");

describe.each(STEPS)("a wall clock that steps by %i ms", (step) => {
  it("while a request waits changes neither how long it waits nor what it is told", async () => {
    const key = scene.key();
    const refusals: Refusal[] = [];
    const handler = (_req: unknown, res: express.Response, _next: unknown, refusal: Refusal) => {
      refusals.push(refusal);
      res.status(refusal.status).end();
    };
    await lockedByOthers(key, 20_000);
    const app = express().post("/", lockRoute({ locks: scene.locks, key, wait: 400, handler }));
    const { url } = await listen(app);
    const start = performance.now();
    const asking = ask(url);
    await expect.poll(async () => (await scene.rivals.inspect(key))?.waiting).toBe(1);
    using _ = stepWallClock(step);
    expect((await asking).status).toBe(409);
    const passed = performance.now() - start;
    expect(passed).toBeLessThan(400 + SLACK);
    const [{ retryAfter, error } = { retryAfter: -1, error: { waited: -1 } }] = refusals;
    expect(error.waited).toBeGreaterThanOrEqual(399);
    expect(error.waited).toBeLessThanOrEqual(passed + 1);
    expect(retryAfter).toBeGreaterThanOrEqual(0);
    expect(retryAfter).toBeLessThanOrEqual(20_000);
    await scene.redis.del(`lock:{${key}}`);
  });

  it("while requests are worked on keeps no key busy, and their answers", async () => {
    const key = scene.key();
    const [started, finish] = [gate(), gate()];
    let calls = 0;
    const records = inProcessRecords();
    const app = express().post(
      "/",
      express.json(),
      idempotent({ locks: scene.locks, records, tenant: () => "", keepFor: 60_000 }),
      lockRoute({ locks: scene.locks, key }, async (_req, res) => {
        calls += 1;
        started.open();
        if (calls === 1) await finish.opened;
        res.send(`answer ${calls}`);
      }),
    );
    const { url } = await listen(app);
    const post = () => ask(url, { headers: { "idempotency-key": key } });
    const first = post();
    await started.opened;
    using _ = stepWallClock(step);
    finish.open();
    // A clock that goes forward ends leases, as a suspended machine does.
    expect([200, 503]).toContain((await first).status);
    await scene.free(key);
    expect((await post()).status).toBe(200);
    const again = await post();
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
    await scene.free(key);
  });
});

describe("Retry-After", () => {
  it.each<[string, number, object, number, number]>([
    ["of a holder whose server was set back by years", 7 * 365 * 24 * HOUR, {}, 1, 1],
    ["of a holder that has an hour", HOUR, {}, 1, 1],
    ["that a function reckons below nothing", HOUR, { retryAfter: () => -5 * HOUR }, 1, 1],
    ["that a function reckons to nothing", HOUR, { retryAfter: () => Number.NaN }, 1, 1],
    ["that is asked for", HOUR, { retryAfter: 40 * 24 * HOUR }, 3_456_000, 3_456_000],
  ])("%s is a time to come, and no longer than keys are held", async (_, ttl, options, least, most) => {
    const key = scene.key();
    const told: number[] = [];
    await lockedByOthers(key, ttl);
    const refuse = lockRoute({ locks: scene.locks, key, ...options });
    const tell = lockRoute({
      locks: scene.locks,
      key,
      ...options,
      handler: (_req, res, _next, { retryAfter }) => void res.end(String(told.push(retryAfter))),
    });
    const { url } = await listen(express().post("/", refuse).post("/told", tell));
    const { headers } = await ask(url);
    expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(least);
    expect(Number(headers.get("retry-after"))).toBeLessThanOrEqual(most);
    await ask(`${url}/told`);
    expect(told[0]).toBeGreaterThanOrEqual(0);
    expect(told[0]).toBeLessThanOrEqual(most * 1_000);
    await scene.redis.del(`lock:{${key}}`);
  });
});

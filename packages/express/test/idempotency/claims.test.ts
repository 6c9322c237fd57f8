import { setTimeout as pause } from "node:timers/promises";
import { gate, newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { inProcessRecords, type RecordStore } from "../../src/idempotent.ts";
import { ask, send } from "../support/client.ts";
import { useLocks } from "../support/locks.ts";
import { charge, forms, newKey, post, shopOn, wrappers } from "./orders.ts";

const scene = useLocks();
const shop = shopOn(scene);

describe.each(newestOrOlder(forms))("$name, $form", (combination) => {
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
});

describe.each(newestOrOlder(wrappers))("$name, idempotent", (combination) => {
  it("does no work when the lease is lost before the work begins", async () => {
    const real = inProcessRecords();
    let reads = 0;
    const looked = gate();
    const records: RecordStore = {
      write: real.write,
      read: async (id: string) => {
        reads += 1;
        if (reads === 2) {
          await scene.rivals.forceRelease(`idempotency:${id}`);
          await pause(900);
          // When all is done that comes of this read.
          setImmediate(looked.open);
        }
        return real.read(id);
      },
    };
    const { url, done } = await shop(combination, charge, { records, ttl: 600 });
    expect((await ask(url, post(newKey()))).status).toBe(503);
    await looked.opened;
    expect(done()).toBe(0);
  });
});

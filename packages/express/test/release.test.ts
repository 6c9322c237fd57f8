import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { expect, fewOrMany, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import express5 from "express";
import { describe, it } from "vitest";
import { getLease } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask, send } from "./support/client.ts";
import { endingMiddlewares } from "./support/ends.ts";
import { appOf, combinations } from "./support/forms.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();

const RETRIES = fewOrMany(50, 5_000);

describe.concurrent.each(newestOrOlder(combinations))("$name, $form", (combination) => {
  it("never refuses a request that is sent when the answer has arrived", async () => {
    const app = appOf(combination, { locks: scene.locks, key: scene.key() }, async (_req, res) => {
      res.json({ ok: true });
    });
    const { url } = await listen(app);
    const statuses = new Set<number>();
    for (let round = 0; round < RETRIES; round++) statuses.add((await ask(url)).status);
    expect([...statuses]).toEqual([200]);
  });

  it.each(endingMiddlewares)(
    "nor behind a middleware with work in its end, with wait: $name",
    async (one) => {
      const options = { locks: scene.locks, key: scene.key(), wait: 10_000 };
      const app = express5();
      app.use(one.make(async () => void (await scene.redis.ping())));
      app.use(appOf(combination, options, async (_req, res) => void res.json({ ok: true })));
      const { url } = await listen(app);
      const statuses = new Set<number>();
      for (let round = 0; round < RETRIES / 10; round++) statuses.add((await ask(url)).status);
      expect([...statuses]).toEqual([200]);
    },
  );

  it("holds until the answer was sent, when it is to be released then", async () => {
    const { locks, rivals } = scene;
    const key = scene.key();
    const finished = gate<boolean>();
    const app = appOf(combination, { locks, key, releaseAt: "finish" }, async (_req, res) => {
      const lease = getLease(res);
      res.prependListener("finish", () => finished.open((lease?.validFor ?? 0) > 0));
      res.send("done");
    });
    const { url } = await listen(app);
    expect(await ask(url)).toMatchObject({ status: 200, body: "done" });
    expect(await finished.opened).toBe(true);
    await scene.free(key);
    expect(await rivals.inspect(key)).toBeNull();
  });

  it("does not let the answer wait for long when the release is slow", async () => {
    const { locks, proxy } = await scene.faulty(10_000);
    const key = scene.key();
    const app = appOf(combination, { locks, key }, (_req, res) => {
      proxy.blackhole();
      res.send("done");
    });
    const { url } = await listen(app);
    const start = performance.now();
    expect(await ask(url)).toMatchObject({ status: 200, body: "done" });
    // 250 ms; the release is waited for ten seconds.
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(await scene.rivals.inspect(key)).not.toBeNull();
    proxy.heal();
    await scene.free(key);
  });

  it("holds to the end of a stream, and renews meanwhile", async () => {
    const { locks, rivals } = scene;
    const key = scene.key();
    const source = new PassThrough();
    const app = appOf(combination, { locks, key, ttl: 3_000 }, async (_req, res) => {
      await pipeline(source, res);
    });
    const { url } = await listen(app);
    source.write("one");
    const response = await send(url).response;
    expect(String((await once(response, "data"))[0])).toBe("one");
    const fence = (await rivals.inspect(key))?.holders[0]?.fencingToken;
    // Longer than the ttl.
    await pause(3_600);
    expect((await rivals.inspect(key))?.holders[0]?.fencingToken).toBe(fence);
    expect((await ask(url)).status).toBe(409);
    source.end("two");
    expect(await text(response)).toBe("two");
    await scene.free(key);
  });
});

describe.concurrent("what a wrapped handler still does after its answer", () => {
  const wrappers = combinations.filter(({ form }) => form === "wrapper");

  it.each(newestOrOlder(wrappers))(
    "$name: is locked until it is done, and the answer does not wait for it",
    async (combination) => {
      const { locks, rivals } = scene;
      const key = scene.key();
      const after = gate();
      const app = appOf(combination, { locks, key }, async (_req, res) => {
        res.send("done");
        await after.opened;
      });
      const { url } = await listen(app);
      expect(await ask(url)).toMatchObject({ status: 200, body: "done" });
      expect(await rivals.inspect(key)).not.toBeNull();
      expect((await ask(url)).status).toBe(409);
      after.open();
      await scene.free(key);
    },
  );

  it.each(newestOrOlder(wrappers))(
    "$name: a handler that returns nothing is done when it ends the answer",
    async (combination) => {
      const { locks } = scene;
      const key = scene.key();
      const done = gate();
      const app = appOf(combination, { locks, key }, (_req, res) => {
        void done.opened.then(() => Readable.from(["done"]).pipe(res));
      });
      const { url } = await listen(app);
      const first = ask(url);
      await expect.poll(() => scene.rivals.inspect(key)).not.toBeNull();
      expect((await ask(url)).status).toBe(409);
      done.open();
      expect(await first).toMatchObject({ status: 200, body: "done" });
      await scene.free(key);
    },
  );

  it.each(newestOrOlder(wrappers))(
    "$name: a lease that was handed over by a ticket is left alone",
    async (combination) => {
      const { locks, rivals } = scene;
      const key = scene.key();
      const app = appOf(combination, { locks, key }, async (_req, res) => {
        res.status(202).json(getLease(res)?.toTicket());
      });
      const { url } = await listen(app);
      const { status, body } = await ask(url);
      expect(status).toBe(202);
      expect((await ask(url)).status).toBe(409);
      const adopted = await rivals.adopt(JSON.parse(body));
      expect(await adopted.release()).toBe("released");
    },
  );
});

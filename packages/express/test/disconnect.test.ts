import { once } from "node:events";
import { expect, gate, newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, it } from "vitest";
import { idempotent, inProcessRecords } from "../src/idempotent.ts";
import { getLease, type LockRouteOptions, lockRoute } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask, send } from "./support/client.ts";
import { expresses } from "./support/expresses.ts";
import { appOf, combinations } from "./support/forms.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();

describe.concurrent.each(newestOrOlder(combinations))("$name, $form", (combination) => {
  /** A handler that works until it is told to end, whose client leaves while it works. */
  async function abandoned(options: Partial<LockRouteOptions> = {}) {
    const key = scene.key();
    const [started, closed, finish] = [gate<AbortSignal | undefined>(), gate(), gate()];
    const app = appOf(combination, { locks: scene.locks, key, ...options }, async (_req, res) => {
      res.on("close", () => closed.open());
      started.open(getLease(res)?.signal);
      await finish.opened;
      res.send("done");
    });
    const { url } = await listen(app);
    const first = send(url);
    const signal = await started.opened;
    first.leave();
    await closed.opened;
    return { key, url, signal, finish };
  }

  it("aborts the signal when the client leaves, and holds until the work has ended", async () => {
    const { key, url, signal, finish } = await abandoned();
    expect(signal?.aborted).toBe(true);
    expect(signal?.reason).toMatchObject({ name: "AbortError", code: "CLIENT_LEFT" });
    expect((await ask(url)).status).toBe(409);
    finish.open();
    await scene.free(key);
    expect((await ask(url)).status).toBe(200);
  });

  it("hold: leaves the work alone when the client leaves", async () => {
    const { key, url, signal, finish } = await abandoned({ onDisconnect: "hold" });
    expect(signal?.aborted).toBe(false);
    expect((await ask(url)).status).toBe(409);
    finish.open();
    await scene.free(key);
  });

  it("release: aborts the signal and releases at once when the client leaves", async () => {
    const { key, signal, finish } = await abandoned({ onDisconnect: "release" });
    expect(signal?.aborted).toBe(true);
    await scene.free(key);
    finish.open();
  });

  it("finish: releases when the client leaves although the answer is never sent", async () => {
    const { key, finish } = await abandoned({ releaseAt: "finish" });
    finish.open();
    await scene.free(key);
  });

  it("gives back what is granted while the client is leaving", async () => {
    const { rivals } = scene;
    const { locks, proxy } = await scene.faulty();
    const key = scene.key();
    let calls = 0;
    const app = appOf(combination, { locks, key }, (_req, res) => {
      calls += 1;
      res.send("done");
    });
    const { url, server } = await listen(app);
    proxy.delay(100);
    const closed = gate();
    server.once("connection", (socket) => socket.once("close", () => closed.open()));
    const arrived = once(server, "request");
    const first = send(url);
    await arrived;
    first.leave();
    await closed.opened;
    const granted = expect.poll(() => rivals.inspect(key), { interval: 5, timeout: 5_000 });
    await granted.not.toBeNull();
    proxy.delay(0);
    await scene.free(key);
    expect(calls).toBe(0);
  });

  it("ends what nobody ends when maxHold is over", async () => {
    const { key, finish } = await abandoned({ maxHold: 400 });
    if (combination.form === "middleware") await scene.free(key);
    finish.open();
    await scene.free(key);
  });

  it("is not reached by a request whose client left while its key was being found", async () => {
    const { locks, rivals } = scene;
    const key = scene.key();
    const [asked, answer, closed] = [gate(), gate(), gate()];
    let calls = 0;
    const app = appOf(
      combination,
      {
        locks,
        key: async (_req, res) => {
          res.on("close", () => closed.open());
          asked.open();
          await answer.opened;
          return key;
        },
      },
      (_req, res) => {
        calls += 1;
        res.send("done");
      },
    );
    const { url } = await listen(app);
    const first = send(url);
    await asked.opened;
    first.leave();
    await closed.opened;
    answer.open();
    expect((await ask(url)).status).toBe(200);
    expect(calls).toBe(1);
    expect(await rivals.inspect(key)).toBeNull();
  });
});

describe.concurrent("a wrapped handler whose client has left", () => {
  const wrappers = combinations.filter(({ form }) => form === "wrapper");

  it.each(newestOrOlder(wrappers))(
    "$name: releases when the handler settles, although it never ends the answer",
    async (combination) => {
      const key = scene.key();
      const [started, closed] = [gate(), gate()];
      const app = appOf(combination, { locks: scene.locks, key }, async (_req, res) => {
        res.on("close", () => closed.open());
        started.open();
        const signal = getLease(res)?.signal;
        if (signal !== undefined && !signal.aborted) await once(signal, "abort");
      });
      const { url } = await listen(app);
      const first = send(url);
      await started.opened;
      expect(await scene.rivals.inspect(key)).not.toBeNull();
      first.leave();
      await closed.opened;
      await scene.free(key);
    },
  );
});

describe.concurrent.each(newestOrOlder(expresses))("$name", ({ express }) => {
  it.each(["lockRoute", "idempotent"])(
    "%s lets go of its key when the client leaves before an inner lock",
    async (outer) => {
      const { locks, rivals } = scene;
      const [a, b] = [scene.key(), scene.key()];
      const held = await rivals.acquire(b);
      const app = express();
      const records = inProcessRecords();
      const first =
        outer === "lockRoute"
          ? lockRoute({ locks, key: a })
          : idempotent({ locks, records, tenant: () => a });
      app.post("/", first, lockRoute({ locks, key: b, wait: 60_000 }), (_req, res) => void res.send("done"));
      const { url } = await listen(app);
      const headers = { "idempotency-key": a };
      const leaving = new AbortController();
      const left = ask(url, { headers, signal: leaving.signal }).catch(() => "left");
      await expect.poll(async () => (await rivals.inspect(b))?.waiting).toBe(1);
      leaving.abort();
      await left;
      await expect.poll(async () => (await rivals.inspect(b))?.waiting).toBe(0);
      await held.release();
      await expect.poll(async () => (await ask(url, { headers })).status).toBe(200);
    },
  );
});

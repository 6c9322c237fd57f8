import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { getLease, type LockRouteOptions } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask, send } from "./support/client.ts";
import { appOf, combinations } from "./support/forms.ts";
import { gate } from "./support/gate.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();

describe.each(combinations)("$name, $form", (combination) => {
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
    const { locks, rivals, proxy } = scene;
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

  it("notices that the client of a pipelined request has left before its turn came", async () => {
    const { locks, rivals } = scene;
    const key = scene.key();
    const held = await rivals.acquire(key);
    let calls = 0;
    const app = appOf(combination, { locks, key, wait: "forever" }, (_req, res) => {
      calls += 1;
      res.send("done");
    });
    const { port } = await listen(app);
    const socket = connect(port, "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".repeat(3));
    await expect.poll(async () => (await rivals.inspect(key))?.waiters).toHaveLength(3);
    socket.destroy();
    await expect.poll(async () => (await rivals.inspect(key))?.waiters).toHaveLength(0);
    await held.release();
    expect(calls).toBe(0);
    await scene.free(key);
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

describe("a wrapped handler whose client has left", () => {
  const wrappers = combinations.filter(({ form }) => form === "wrapper");

  it.each(wrappers)(
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

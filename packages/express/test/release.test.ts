import { once } from "node:events";
import { connect } from "node:net";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { getLease } from "../src/index.ts";
import { listen } from "./support/app.ts";
import { ask, send } from "./support/client.ts";
import { appOf, combinations } from "./support/forms.ts";
import { gate } from "./support/gate.ts";
import { useLocks } from "./support/locks.ts";

const scene = useLocks();

describe.each(combinations)("$name, $form", (combination) => {
  it("never refuses a request that is sent when the answer has arrived", async () => {
    const app = appOf(combination, { locks: scene.locks, key: scene.key() }, async (_req, res) => {
      res.json({ ok: true });
    });
    const { url } = await listen(app);
    for (let round = 0; round < 200; round++) expect((await ask(url)).status).toBe(200);
  });

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
    const { locks, proxy } = scene;
    const key = scene.key();
    const app = appOf(combination, { locks, key }, (_req, res) => {
      proxy.blackhole();
      res.send("done");
    });
    const { url } = await listen(app);
    const start = performance.now();
    expect(await ask(url)).toMatchObject({ status: 200, body: "done" });
    // 250 ms; releases are tried for longer than a second.
    expect(performance.now() - start).toBeLessThan(1_000);
    expect(await scene.rivals.inspect(key)).not.toBeNull();
    proxy.heal();
    await scene.free(key);
  });

  it.each([
    ["a string", (res) => res.end("dönè")],
    ["a string in another encoding", (res) => res.end("64c3b66ec3a8", "hex")],
    ["bytes", (res) => res.end(new TextEncoder().encode("dönè"))],
    ["a callback", (res) => res.write("dönè") && res.end(() => undefined)],
    ["chunks", (res) => res.write("dön") && res.end("è")],
    ["a length that it knows", (res) => res.setHeader("Content-Length", 6).end("dönè")],
    ["writeHead", (res) => res.writeHead(200, { "x-test": "1" }).end("dönè")],
  ] satisfies [string, (res: import("express").Response) => unknown][])(
    "ends with %s",
    async (_what, end) => {
      const app = appOf(combination, { locks: scene.locks, key: scene.key() }, (_req, res) => void end(res));
      const { url } = await listen(app);
      const answer = await ask(url);
      expect(answer).toMatchObject({ status: 200, body: "dönè" });
      const isChunked = answer.headers.get("transfer-encoding") === "chunked";
      expect(answer.headers.get("content-length")).toBe(isChunked ? null : "6");
    },
  );

  it.each([204, 304])("ends a %i without a body or a length", async (status) => {
    const app = appOf(combination, { locks: scene.locks, key: scene.key() }, (_req, res) => {
      res.statusCode = status;
      res.end();
    });
    const { url } = await listen(app);
    const answer = await ask(url);
    expect([answer.status, answer.headers.get("content-length"), answer.body]).toEqual([status, null, ""]);
  });

  it("is ended once: what comes after the end is ignored while the release is under way", async () => {
    const app = appOf(combination, { locks: scene.locks, key: scene.key() }, (_req, res) => {
      res.end("first");
      res.write("more");
      res.end("second");
      expect(res.headersSent).toBe(true);
    });
    const { url } = await listen(app);
    expect(await ask(url)).toMatchObject({ status: 200, body: "first" });
    expect(await ask(url)).toMatchObject({ status: 200, body: "first" });
  });

  it("holds to the end of a stream, and renews meanwhile", async () => {
    const { locks, rivals } = scene;
    const key = scene.key();
    const source = new PassThrough();
    const app = appOf(combination, { locks, key, ttl: 300 }, async (_req, res) => {
      await pipeline(source, res);
    });
    const { url } = await listen(app);
    source.write("one");
    const response = await send(url).response;
    expect(String((await once(response, "data"))[0])).toBe("one");
    const fence = (await rivals.inspect(key))?.holders[0]?.fencingToken;
    // Three times the ttl.
    await pause(900);
    expect((await rivals.inspect(key))?.holders[0]?.fencingToken).toBe(fence);
    expect((await ask(url)).status).toBe(409);
    source.end("two");
    expect(await text(response)).toBe("two");
    await scene.free(key);
  });

  it("serves pipelined requests one after the other, also many", async () => {
    const { locks } = scene;
    const key = scene.key();
    let running = 0;
    const app = appOf(combination, { locks, key, wait: 10_000 }, async (req, res) => {
      running += 1;
      expect(running).toBe(1);
      await new Promise(setImmediate);
      running -= 1;
      res.send(`<${req.query.n}>`);
    });
    const { port } = await listen(app);
    const warnings: Error[] = [];
    const warn = (warning: Error) => void warnings.push(warning);
    process.on("warning", warn);
    const socket = connect(port, "127.0.0.1");
    socket.write(
      Array.from(
        { length: 20 },
        (_, n) => `POST /?n=${n} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`,
      ).join(""),
    );
    let answers = "";
    for await (const chunk of socket) {
      answers += String(chunk);
      if (answers.includes("<19>")) break;
    }
    expect([...answers.matchAll(/<(\d+)>/g)].map(([, n]) => Number(n))).toEqual([...Array(20).keys()]);
    process.off("warning", warn);
    expect(warnings).toEqual([]);
    await scene.free(key);
  });

  it("serves a client that keeps its connection, and leaves no listener on it", async () => {
    const sockets = new Set<import("node:net").Socket>();
    const app = appOf(combination, { locks: scene.locks, key: scene.key() }, (req, res) => {
      sockets.add(req.socket);
      res.send("done");
    });
    const { server } = await listen(app);
    const counts: number[] = [];
    server.on("request", (req) => counts.push(req.socket.listenerCount("close")));
    const { url } = { url: `http://127.0.0.1:${(server.address() as import("node:net").AddressInfo).port}` };
    for (let round = 0; round < 30; round++) expect((await ask(url)).status).toBe(200);
    expect(sockets.size).toBeLessThan(30);
    expect(new Set(counts).size).toBe(1);
  });
});

describe("what a wrapped handler still does after its answer", () => {
  const wrappers = combinations.filter(({ form }) => form === "wrapper");

  it.each(wrappers)(
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

  it.each(wrappers)(
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

  it.each(wrappers)("$name: a lease that was handed over by a ticket is left alone", async (combination) => {
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
  });
});

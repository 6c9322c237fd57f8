import { type AddressInfo, connect, Socket } from "node:net";
import v8 from "node:v8";
import { newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { Hold } from "../src/hold.ts";
import { listen } from "./support/app.ts";
import { ask } from "./support/client.ts";
import { appOf, combinations } from "./support/forms.ts";
import { useLocks } from "./support/locks.ts";
import { routeBehindRival } from "./support/rival.ts";

const scene = useLocks();

describe.each(newestOrOlder(combinations))("$name, $form", (combination) => {
  it("forgets pipelined requests when they are answered", async () => {
    const app = appOf(combination, { locks: scene.locks, key: () => scene.key() }, (_req, res) => {
      res.send("done");
    });
    const { port } = await listen(app);
    const socket = connect(port, "127.0.0.1");
    const count = () =>
      (v8 as unknown as { queryObjects(of: unknown, options: object): number }).queryObjects(Hold, {
        format: "count",
      });
    let answers = 0;
    socket.on("data", (chunk) => {
      answers += String(chunk).split("HTTP/1.1 200").length - 1;
    });
    for (let burst = 1; burst <= 10; burst++) {
      socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".repeat(10));
      await expect.poll(() => answers, { interval: 5 }).toBe(burst * 10);
    }
    // It looks at the whole heap, which takes long.
    await expect.poll(count, { interval: 200 }).toBeLessThan(20);
    socket.destroy();
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
    const sockets = new Set<Socket>();
    const app = appOf(combination, { locks: scene.locks, key: scene.key() }, (req, res) => {
      sockets.add(req.socket);
      res.send("done");
    });
    const { server } = await listen(app);
    const counts: number[] = [];
    server.on("request", (req) => counts.push(req.socket.listenerCount("close")));
    const { url } = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    for (let round = 0; round < 30; round++) expect((await ask(url)).status).toBe(200);
    expect(sockets.size).toBeLessThan(30);
    expect(new Set(counts).size).toBe(1);
  });

  it("leaves nothing of its own on a connection that is used again", async () => {
    const app = appOf(combination, { locks: scene.locks, key: scene.key() }, (_req, res) => {
      res.send("done");
    });
    const { url, server } = await listen(app);
    const sockets: Socket[] = [];
    server.on("connection", (socket) => sockets.push(socket));
    for (let round = 0; round < 20; round++) expect((await ask(url)).body).toBe("done");
    for (const socket of sockets) expect(socket.destroy).toBe(Socket.prototype.destroy);
    expect(sockets.length).toBeGreaterThan(0);
  });

  it("notices that the client of a pipelined request has left before its turn came", async () => {
    const { key, port, held, waiters, calls } = await routeBehindRival(scene, combination);
    const socket = connect(port, "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".repeat(3));
    await expect.poll(waiters).toHaveLength(3);
    socket.destroy();
    await expect.poll(waiters).toHaveLength(0);
    await held.release();
    expect(calls()).toBe(0);
    await scene.free(key);
  });
});

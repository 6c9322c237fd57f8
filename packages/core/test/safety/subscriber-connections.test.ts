import { fork } from "node:child_process";
import { once } from "node:events";
import { connect as connectTo, createServer, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { askServer, startRedis, startSentinel } from "@lock/redis-harness";
import { useRedis } from "@lock/redis-harness/vitest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLocks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, libraries, nodeRedis6 } from "../support/clients.ts";

const pause = (ms: number) => new Promise((resume) => setTimeout(resume, ms));
const redis = useRedis();

/** A server that answers the first connection only; others are accepted, and nothing comes of them. */
async function startSilent(port: number) {
  const silent = new Set<Socket>();
  let made = 0;
  const listening = createServer((client) => {
    client.on("error", () => undefined);
    if (made++ > 0) {
      silent.add(client);
      client.on("close", () => silent.delete(client)).resume();
      return;
    }
    const server = connectTo({ port, host: "127.0.0.1" });
    server.on("error", () => undefined);
    client.pipe(server).pipe(client);
  });
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
  const address = listening.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `redis://127.0.0.1:${address.port}`,
    /** How many were made. */
    made: () => made,
    /** How many are open that nothing comes of. */
    silent: () => silent.size,
    stop: () => {
      for (const socket of silent) socket.destroy();
      listening.close();
    },
  };
}

describe.each(libraries)("where new connections are accepted and never answered, $name", ({ connect }) => {
  it("leaves none of those behind that were to hear messages", async () => {
    const server = await startSilent(Number(new URL(redis.url).port));
    const client = await connect(server.url);
    const locks = createLocks({ backend: client.backend({ requestTimeout: 200 }) });
    const lease = await locks.acquire("key");
    const abort = new AbortController();
    const waiting = locks.acquire("key", { wait: "forever", signal: abort.signal }).catch(() => undefined);
    await eventually("many tries", () => (server.made() > 6 ? true : undefined), 30_000);
    expect(server.silent()).toBeLessThan(3);
    abort.abort();
    await waiting;
    await lease.release();
    await locks.close();
    await eventually("none is left", () => (server.silent() === 0 ? true : undefined));
    client.close();
    server.stop();
  }, 60_000);
});

describe("a process whose Sentinels are gone", () => {
  it("ends when its locks and its client are closed", async () => {
    const sentinel = await startSentinel();
    const { name, sentinels, servers } = sentinel;
    const script = fileURLToPath(new URL("../support/sentinel-child.mjs", import.meta.url));
    const addresses = sentinels.map(({ host, port }) => ({ host, port }));
    const child = fork(script, [JSON.stringify({ name, sentinels: addresses })]);
    const ended = once(child, "exit");
    try {
      await Promise.race([once(child, "message"), ended]);
      const tell = (port: number, ...words: [string, ...string[]]) =>
        askServer(port, ...words).catch(() => undefined);
      for (const { port } of sentinels) await tell(port, "SHUTDOWN", "NOSAVE");
      for (const { port } of servers) await tell(port, "CLIENT", "KILL", "TYPE", "pubsub");
      // Its connection for messages cannot come back.
      await pause(1_000);
      child.send("close");
      await once(child, "message");
      const end = await Promise.race([ended, pause(8_000)]);
      expect(end).toEqual([0, null]);
    } finally {
      child.kill("SIGKILL");
      await sentinel.stop();
    }
  }, 60_000);
});

describe.each([ioredis6, nodeRedis6])("while a server is away for ten seconds, $name", ({ connect }) => {
  const warnings: string[] = [];
  const hear = ({ name, message }: Error) => void (name === "LockWarning" && warnings.push(message));
  beforeEach(() => {
    warnings.length = 0;
    process.on("warning", hear);
  });
  afterEach(() => process.off("warning", hear));

  it("does not warn that messages are not heard", async () => {
    await using server = await startRedis();
    const clients = [await connect(server.url), await connect(server.url)];
    const [one, two] = clients.map((client) => createLocks({ backend: client.backend() }));
    if (one === undefined || two === undefined) throw new Error("two clients were asked for");
    await one.acquire("key", { ttl: 60_000, renew: false });
    const waiting = two.acquire("key", { wait: "forever" });
    await eventually("a waiter", async () => ((await one.inspect("key"))?.waiting === 1 ? true : undefined));
    await server.kill();
    await pause(10_000);
    await server.restart();
    await (await waiting).release();
    await Promise.all([one.close(), two.close()]);
    for (const client of clients) client.close();
    expect(warnings).toEqual([]);
  }, 60_000);
});

describe("several locks on one backend", () => {
  it("hear messages after others were closed, and leave no connection when all are", async () => {
    const clients = [await ioredis6.connect(redis.url), await ioredis6.connect(redis.url)];
    const [backend, elsewhere] = clients.map((client) => client.backend());
    if (backend === undefined || elsewhere === undefined) throw new Error("two clients were asked for");
    const heard: string[] = [];
    const stop = await backend.hearNotices("lock", (text) => heard.push(text));
    await createLocks({ backend, prefix: "another" }).close();
    await elsewhere.notify("lock", "a notice");
    await eventually("a notice", () => (heard.length > 0 ? true : undefined));
    stop();
    const subscribers = async () => String(await clients[1]?.command("CLIENT", "LIST", "TYPE", "pubsub"));
    await eventually("none is left", async () => ((await subscribers()).trim() === "" ? true : undefined));
    for (const client of clients) client.close();
  });
});

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { askServer, startBalancer, startRedis, startSentinel } from "@lock/redis-harness";
import { newestOrOlder, useRedis } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { createLocks } from "../../src/index.ts";
import { eventually } from "../../src/testing/test-api.ts";
import { ioredis6, libraries, nodeRedis6 } from "../support/clients.ts";
import { withOwnWarnings } from "../support/own-warnings.ts";

const pause = (ms: number) => new Promise((resume) => setTimeout(resume, ms));
const redis = useRedis();
/** The first connection of a client carries its commands; what comes after it hears messages. */
const COMMANDS = 0;

// What takes longest comes first: all run at once.
describe.concurrent.each([ioredis6, nodeRedis6])(
  "while a server is away for ten seconds, $name",
  ({ connect }) => {
    it("does not warn that messages are not heard", () =>
      withOwnWarnings(async (warnings) => {
        await using server = await startRedis();
        const clients = [await connect(server.url), await connect(server.url)];
        const [one, two] = clients.map((client) => createLocks({ backend: client.backend() }));
        if (one === undefined || two === undefined) throw new Error("two clients were asked for");
        await one.acquire("key", { ttl: 60_000, renew: false });
        const waiting = two.acquire("key", { wait: "forever" });
        await eventually("a waiter", async () =>
          (await one.inspect("key"))?.waiting === 1 ? true : undefined,
        );
        await server.kill();
        await pause(10_000);
        await server.restart();
        await (await waiting).release();
        await Promise.all([one.close(), two.close()]);
        for (const client of clients) client.close();
        expect(warnings).toEqual([]);
      }));
  },
);

describe.concurrent.each(newestOrOlder(libraries))(
  "where new connections are accepted and never answered, $name",
  ({ name, connect }) => {
    it("leaves none of those behind that were to hear messages", async () => {
      await using balancer = await startBalancer(redis.server);
      await using stopped = await startRedis();
      stopped.pause();
      let made = 0;
      balancer.route((connection) => {
        made = connection;
        return connection === COMMANDS ? redis.server : stopped;
      });
      const silent = () => balancer.open().filter((connection) => connection !== COMMANDS).length;
      const client = await connect(balancer.url);
      const locks = createLocks({ backend: client.backend({ requestTimeout: 200 }) });
      const lease = await locks.acquire(name);
      const abort = new AbortController();
      const waiting = locks.acquire(name, { wait: "forever", signal: abort.signal }).catch(() => undefined);
      await eventually("many tries", () => (made > 5 ? true : undefined), 30_000);
      expect(silent()).toBeLessThan(3);
      abort.abort();
      await waiting;
      await lease.release();
      await locks.close();
      await eventually("none is left", () => (silent() === 0 ? true : undefined));
      client.close();
    });
  },
);

describe.concurrent("a process whose Sentinels are gone", () => {
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
  });
});

describe("several locks on one backend", () => {
  it("hear messages after others were closed, and leave no connection when all are", async () => {
    const clients = [await ioredis6.connect(redis.url), await ioredis6.connect(redis.url)];
    const [backend, elsewhere] = clients.map((client) => client.backend());
    if (backend === undefined || elsewhere === undefined) throw new Error("two clients were asked for");
    const heard: string[] = [];
    const stop = await backend.messages?.hear("lock", (text) => heard.push(text));
    await createLocks({ backend, prefix: "another" }).close();
    await elsewhere.messages?.tell("lock", "a message");
    await eventually("a message", () => (heard.length > 0 ? true : undefined));
    stop();
    const subscribers = async () => String(await clients[1]?.command("CLIENT", "LIST", "TYPE", "pubsub"));
    await eventually("none is left", async () => ((await subscribers()).trim() === "" ? true : undefined));
    for (const client of clients) client.close();
  });
});

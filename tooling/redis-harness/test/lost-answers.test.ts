import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type FaultyProxy, type RedisServer, startFaultyProxy, startRedis } from "../src/index.ts";
import { ask, hasRead, Wire } from "./support.ts";

describe("answers and messages that a faulty proxy loses", { timeout: 60_000 }, () => {
  let redis: RedisServer;
  let proxy: FaultyProxy;

  beforeAll(async () => {
    redis = await startRedis();
    proxy = await startFaultyProxy(redis);
  }, 60_000);

  afterAll(async () => {
    await proxy.stop();
    await redis.stop();
  });

  beforeEach(async () => {
    proxy.heal();
    await ask(redis, "FLUSHALL");
  });

  it("drops the answer to the next request, which is executed all the same", async () => {
    await using wire = await Wire.open(proxy);
    const dropped = proxy.dropReply();
    expect(await wire.ask("INCR k")).toBe("closed");
    await dropped;
    expect(await ask(redis, "GET k")).toBe("$1\r\n1\r\n");
    expect(await ask(proxy, "INCR k")).toBe(":2\r\n");
  });

  it("waits for the request with the text, and lets the answers before it pass", async () => {
    await using wire = await Wire.open(proxy);
    const dropped = proxy.dropReply({ after: /^INCR$/m });
    expect(await wire.ask("SET k 5")).toBe("+OK\r\n");
    // The server answers both requests only after it is resumed, most likely in one chunk.
    redis.pause();
    wire.send("GET k");
    await hasRead(proxy);
    wire.send("INCR k", "INCR k");
    await hasRead(proxy);
    redis.resume();
    expect(await wire.next()).toBe("$1\r\n5\r\n");
    expect(await wire.next()).toBe("closed");
    await dropped;
    expect(await ask(redis, "GET k")).toBe("$1\r\n7\r\n");
  });

  it("drops one answer per call, and only on the connection of that request", async () => {
    await using one = await Wire.open(proxy);
    await using two = await Wire.open(proxy);
    const dropped = proxy.dropReply({ after: "INCR" });
    expect(await two.ask("PING")).toBe("+PONG\r\n");
    expect(await one.ask("INCR k")).toBe("closed");
    expect(await two.ask("INCR k")).toBe(":2\r\n");
    await dropped;
  });

  it("drops an answer that comes in many chunks, as a whole", async () => {
    await using wire = await Wire.open(proxy);
    await wire.ask(`SET big ${"x".repeat(2_000_000)}`);
    const dropped = proxy.dropReply({ after: "GET" });
    expect(await wire.ask("GET big")).toBe("closed");
    await dropped;
  });

  it("says so when the answer to drop will never come", async () => {
    await expect(Promise.all([proxy.dropReply({ after: "NEVER" }), proxy.heal()])).rejects.toThrow("healed");

    await using wire = await Wire.open(proxy);
    await wire.ask("PING");
    const dropped = proxy.dropReply();
    redis.pause();
    wire.send("INCR k");
    await hasRead(proxy);
    await redis.kill();
    await expect(dropped).rejects.toThrow("before the server had answered");
    await redis.restart();
  });

  for (const protocol of [2, 3]) {
    it(`loses messages in RESP${protocol}, and neither confirmations nor answers`, async () => {
      await using wire = await Wire.open(proxy);
      await wire.ask(`HELLO ${protocol}`);
      proxy.dropMessages(true);
      expect(await wire.ask("SUBSCRIBE ch")).toContain("subscribe\r\n");
      expect(await wire.ask("PSUBSCRIBE c*")).toContain("psubscribe\r\n");
      expect(await ask(redis, "PUBLISH ch lost")).toBe(":2\r\n");
      expect(await wire.ask("PING")).toContain(protocol === 2 ? "pong" : "PONG");
      expect(await wire.isSilentFor(100)).toBe(true);

      proxy.dropMessages(false);
      await ask(redis, "PUBLISH ch seen");
      expect(await wire.next()).toContain("seen");
      expect(await wire.next()).toContain("seen");
    });
  }

  it("passes a list that merely looks like a message to a client that subscribed to nothing", async () => {
    await using wire = await Wire.open(proxy);
    proxy.dropMessages(true);
    await wire.ask("RPUSH list message ch text");
    expect(await wire.ask("LRANGE list 0 -1")).toContain("text");
  });
});

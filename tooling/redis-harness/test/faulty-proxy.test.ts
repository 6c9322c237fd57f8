import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type FaultyProxy, type RedisServer, startFaultyProxy, startRedis } from "../src/index.ts";
import { ask, hasRead, until, Wire } from "./support.ts";

describe("startFaultyProxy", { timeout: 60_000 }, () => {
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
    proxy.cut();
    await ask(redis, "FLUSHALL");
  });

  it("forwards, counts connections, and passes the end of a connection on", async () => {
    expect(proxy.url).toBe(`redis://127.0.0.1:${proxy.port}`);
    const wire = await Wire.open(proxy);
    expect(await wire.ask("SET k v")).toBe("+OK\r\n");
    expect(proxy.connections).toBe(1);
    expect(await wire.ask("QUIT")).toBe("+OK\r\n");
    await wire.closed;
    await until("the proxy noticed", () => proxy.connections === 0);

    const big = "x".repeat(300_000);
    await using other = await Wire.open(proxy);
    other.send(`SET big ${big}`, "GET big", "PING");
    expect(await other.next()).toBe("+OK\r\n");
    expect(await other.next()).toBe(`$300000\r\n${big}\r\n`);
    expect(await other.next()).toBe("+PONG\r\n");
  });

  it("delays each way and keeps the order when the delay changes", async () => {
    await using wire = await Wire.open(proxy);
    proxy.delay(100);
    const start = performance.now();
    wire.send("ECHO a");
    expect(await wire.next()).toContain("a");
    expect(performance.now() - start).toBeGreaterThanOrEqual(195);

    wire.send("ECHO b");
    await hasRead(proxy);
    proxy.delay(0);
    wire.send("ECHO c");
    expect(await wire.next()).toContain("b");
    expect(await wire.next()).toContain("c");
  });

  it("swallows everything in a black hole, also of new connections, and heals by ending them", async () => {
    await using old = await Wire.open(proxy);
    await old.ask("PING");
    proxy.blackhole();
    await using fresh = await Wire.open(proxy);
    old.send("SET k old");
    fresh.send("SET k fresh");
    expect(await Promise.all([old.isSilentFor(200), fresh.isSilentFor(200)])).toEqual([true, true]);
    expect(await ask(redis, "GET k")).toBe("$-1\r\n");
    expect(proxy.connections).toBe(2);

    proxy.heal();
    await Promise.all([old.closed, fresh.closed]);
    expect(await ask(proxy, "PING")).toBe("+PONG\r\n");
  });

  it("cuts the connections there are, not those to come", async () => {
    await using wire = await Wire.open(proxy);
    await wire.ask("PING");
    proxy.cut();
    expect(await wire.next()).toBe("closed");
    expect(await ask(proxy, "PING")).toBe("+PONG\r\n");
  });

  it("refuses until healed", async () => {
    await using wire = await Wire.open(proxy);
    await wire.ask("PING");
    proxy.refuse();
    expect(await wire.next()).toBe("closed");
    expect(await ask(proxy, "PING")).toBe("closed");
    proxy.heal();
    expect(await ask(proxy, "PING")).toBe("+PONG\r\n");
  });

  it("ends the client's connection when the server dies, and takes new ones once it is back", async () => {
    await using wire = await Wire.open(proxy);
    await wire.ask("PING");
    await redis.kill();
    expect(await wire.next()).toBe("closed");
    expect(await ask(proxy, "PING")).toBe("closed");
    await redis.restart();
    expect(await ask(proxy, "PING")).toBe("+PONG\r\n");
  });

  it("is gone after stop, with its connections", async () => {
    const other = await startFaultyProxy(redis);
    await using wire = await Wire.open(other);
    await Promise.all([other.stop(), other.stop()]);
    expect(await wire.next()).toBe("closed");
    await expect(Wire.open(other)).rejects.toThrow("ECONNREFUSED");
  });
});

import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { startRedis } from "../src/index.ts";
import { ask, exists, homeOf, isAlive, Wire } from "./support.ts";

describe("startRedis", { timeout: 60_000 }, () => {
  it("gives a Redis that answers, and nothing is left of it after stop", async () => {
    const redis = await startRedis();
    const home = await homeOf(redis);
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`);
    expect(await ask(redis, "PING")).toBe("+PONG\r\n");
    expect(await exists(home)).toBe(true);

    await Promise.all([redis.stop(), redis.stop()]);

    expect(await isAlive(redis.pid)).toBe(false);
    expect(await exists(home)).toBe(false);
    await expect(Wire.open(redis)).rejects.toThrow("ECONNREFUSED");
    await expect(redis.restart()).rejects.toThrow("stopped for good");
  });

  it("asks for the password", async () => {
    await using redis = await startRedis({ password: "s3cret@/" });
    expect(redis.url).toBe(`redis://:s3cret%40%2F@127.0.0.1:${redis.port}`);
    await using wire = await Wire.open(redis);
    expect(await wire.ask("PING")).toMatch(/^-NOAUTH/);
    expect(await wire.ask("AUTH s3cret@/")).toBe("+OK\r\n");
    expect(await wire.ask("PING")).toBe("+PONG\r\n");
  });

  it("hands further arguments to redis-server, and shows its log when it refuses them", async () => {
    await using redis = await startRedis({ args: ["--maxmemory", "7mb", "--dir", "/"] });
    expect(await ask(redis, "CONFIG GET maxmemory")).toContain(String(7 * 1024 * 1024));
    expect(await ask(redis, "CONFIG GET dir")).toContain(await homeOf(redis));

    await expect(startRedis({ args: ["--no-such-directive", "1"] })).rejects.toThrow("no-such-directive");
  });

  it("says so when the port asked for is taken", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => squatter.once("listening", resolve));
    const address = squatter.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;

    await expect(startRedis({ port })).rejects.toThrow(/Address already in use|Failed listening/);
    squatter.close();
  });

  it("takes a port that another Redis has for taken, rather than that Redis for its own", async () => {
    await using first = await startRedis();
    await expect(startRedis({ port: first.port })).rejects.toThrow(/Address already in use|Failed listening/);
    expect(await ask(first, "PING")).toBe("+PONG\r\n");
  });

  it("comes back on its port after a kill, without its data by default", async () => {
    await using redis = await startRedis();
    const { pid, port } = redis;
    await ask(redis, "SET k v");

    await redis.kill();
    await redis.kill();
    expect(await isAlive(pid)).toBe(false);
    expect(() => redis.pause()).toThrow("not running");

    await redis.restart();
    expect(redis.port).toBe(port);
    expect(redis.pid).not.toBe(pid);
    expect(await ask(redis, "GET k")).toBe("$-1\r\n");
  });

  it("keeps acknowledged writes across kill and restart with persist, until told to come back empty", async () => {
    await using redis = await startRedis({ persist: true });
    await ask(redis, "SET k v");

    await redis.kill();
    await redis.restart();
    expect(await ask(redis, "GET k")).toBe("$1\r\nv\r\n");
    await redis.restart();
    expect(await ask(redis, "GET k")).toBe("$1\r\nv\r\n");
    await redis.restart({ empty: true });
    expect(await ask(redis, "GET k")).toBe("$-1\r\n");
  });

  it("leaves nothing when stop overtakes restart", async () => {
    const redis = await startRedis();
    const restarting = redis.restart();
    await redis.stop();
    await restarting;
    expect(await isAlive(redis.pid)).toBe(false);
  });

  it("answers nothing while paused, and what it was asked meanwhile once resumed", async () => {
    await using redis = await startRedis();
    await using wire = await Wire.open(redis);
    await wire.ask("PING");

    redis.pause();
    wire.send("PING");
    expect(await wire.isSilentFor(200)).toBe(true);

    redis.resume();
    expect(await wire.next()).toBe("+PONG\r\n");
  });

  it("stops gracefully even while paused", async () => {
    const redis = await startRedis();
    redis.pause();
    const start = performance.now();
    await redis.stop();
    // Two seconds is when a stop stops being graceful.
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(await isAlive(redis.pid)).toBe(false);
  });
});

import { execFile } from "node:child_process";
import { afterEach, describe, expect, it, vi } from "vitest";
import { findRedisServer } from "../src/index.ts";

describe("findRedisServer", { timeout: 60_000 }, () => {
  afterEach(() => vi.unstubAllEnvs());

  it("finds a server that runs", async () => {
    const path = await findRedisServer();
    const version = await new Promise<string>((resolve) => {
      execFile(path, ["--version"], (_error, stdout) => resolve(stdout));
    });
    expect(version).toMatch(/server v=/i);
  });

  it("takes REDIS_SERVER at its word, and names it when it is no redis-server", async () => {
    const path = await findRedisServer();
    vi.stubEnv("REDIS_SERVER", path);
    vi.stubEnv("PATH", "/nowhere");
    expect(await findRedisServer()).toBe(path);

    vi.stubEnv("REDIS_SERVER", "/nowhere/redis-server");
    await expect(findRedisServer()).rejects.toThrow(/REDIS_SERVER.*\/nowhere\/redis-server.*ENOENT/);
    vi.stubEnv("REDIS_SERVER", process.execPath);
    await expect(findRedisServer()).rejects.toThrow(/REDIS_SERVER.*--version/);
  });

  it("names the command to run where it may not install", async () => {
    vi.stubEnv("REDIS_SERVER", "");
    vi.stubEnv("PATH", "/nowhere");
    vi.spyOn(process, "geteuid").mockReturnValue(1000);
    await expect(findRedisServer()).rejects.toThrow(/Install it with:[\s\S]+REDIS_SERVER/);
    vi.restoreAllMocks();
  });
});

import { describe, expect, it } from "vitest";
import { givenRedis } from "../src/redis-environment.ts";

describe("the Redis that the environment names", () => {
  it("is none when nothing is set, or only empty variables", () => {
    expect(givenRedis({})).toBeUndefined();
    expect(givenRedis({ REDIS_URL: "", REDIS_HOST: "", REDIS_PORT: "" })).toBeUndefined();
  });

  it.each([
    [{ REDIS_HOST: "cache.local" }, "redis://cache.local:6379"],
    [{ REDIS_PORT: "7000" }, "redis://127.0.0.1:7000"],
    [{ REDIS_PASSWORD: "a/b@c:d" }, "redis://:a%2Fb%40c%3Ad@127.0.0.1:6379"],
    [{ REDIS_HOST: "::1", REDIS_PORT: "7000" }, "redis://[::1]:7000"],
    [{ REDIS_URL: "rediss://me:pw@h:1/2", REDIS_PORT: "x" }, "rediss://me:pw@h:1/2"],
  ])("follows %j", (env, url) => {
    expect(givenRedis(env)?.url).toBe(url);
  });

  it("is shown without credentials", () => {
    expect(givenRedis({ REDIS_URL: "redis://me:pw@h:1/2" })?.place).toBe("h:1");
    expect(givenRedis({ REDIS_HOST: "h", REDIS_PASSWORD: "pw" })?.place).toBe("h:6379");
  });

  it.each([
    ["REDIS_HOST", "a b"],
    ["REDIS_HOST", "user:pw@host"],
    ["REDIS_PORT", "0"],
    ["REDIS_PORT", "65536"],
    ["REDIS_PORT", "-1"],
    ["REDIS_PORT", "6379x"],
  ])("must not have %s=%j", (name, value) => {
    expect(() => givenRedis({ [name]: value })).toThrow(`${name} must be`);
  });

  it.each([
    "localhost:6379",
    "http://:secret@h",
    "redis://",
    "redis://:secret@h/db",
    "redis://:secret%zz@h",
    "secret",
  ])("must not have the url %j, which is not repeated", (url) => {
    const error = catchError(() => givenRedis({ REDIS_URL: url }));
    expect(error).toContain("REDIS_URL must look like");
    expect(error).not.toContain("secret");
  });
});

function catchError(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return String(error);
  }
  return "no error";
}

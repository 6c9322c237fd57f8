import { useRedis } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { lockHere } from "./support/here.ts";
import { lock } from "./support/lock.ts";

const redis = useRedis({ password: "s3cret" });
const NOWHERE = { REDIS_URL: "redis://127.0.0.1:1" };

describe("what cannot be understood", () => {
  it.each([
    { args: ["rum"], says: "commands: run, ls, inspect" },
    { args: ["run"], says: "missing required argument 'key'" },
    { args: ["run", "k"], says: "missing required argument 'command'" },
    { args: ["run", "k", "--tll", "3s", "--", "true"], says: "--ttl" },
    { args: ["run", "k", "ls", "-l"], says: "unknown option '-l'" },
    { args: ["run", "k", "--ttl", "5", "--", "true"], says: "such as 500ms, 30s, 5m or 1h" },
    { args: ["run", "k", "--ttl", "5ms", "--", "true"], says: "at least 1s" },
    { args: ["run", "k", "--ttl", "48h", "--", "true"], env: {}, says: "86400000" },
    {
      args: ["run", "k", "--ttl", "4s", "--grace", "3s", "--", "true"],
      says: "at most half of the ttl, 2000 ms",
    },
    { args: ["run", "k", "--wait", "ever", "--", "true"], says: '"forever"' },
    { args: ["run", "k", "--permits", "0", "--", "true"], says: "a whole number from 1 to 1000000" },
    { args: ["run", "k", "--permits", "2", "--shared", "--", "true"], says: "exclude each other" },
    { args: ["run", "k", "--busy-code", "256", "--", "true"], says: "a whole number from 0 to 255" },
    { args: ["run", "", "--", "true"], env: {}, says: "a key must be a non-empty string" },
    { args: ["run", "x".repeat(513), "--", "true"], env: {}, says: "at most 512 bytes" },
    { args: ["inspect", ""], env: {}, says: "a key must be a non-empty string" },
    { args: ["inspect", "a", "b"], says: "Expected 1 argument but got 2" },
    { args: ["ls", "--sort", "colour"], says: "key, waiting, held, left" },
    { args: ["ls", "--prefix", "with space"], says: "1 to 64 characters" },
    { args: ["ls", ""], env: {}, says: "match must be a non-empty string" },
    { args: ["watch", "--interval", "1ms"], says: "at least 100ms" },
    { args: ["top", "--interval", "1ms"], says: "at least 50ms" },
    { args: ["release"], says: "--ticket or LOCK_TICKET" },
    { args: ["release", "k"], says: "needs --token or --force" },
    { args: ["release", "k", "--token", "short"], says: "at least 8 characters" },
    { args: ["release", "k", "--force"], says: "give --yes" },
    { args: ["release", "k", "--force", "--token", "12345678"], says: "exclude each other" },
    { args: ["acquire", "k"], says: "--out <file>" },
    { args: ["acquire", "k", "--out", "/no/such/place"], env: {}, says: "a file that can be written" },
    { args: ["extend"], says: "LOCK_TICKET" },
    { args: ["extend", "--ticket", "/no/such/file"], env: {}, says: "a file that can be read" },
    { args: ["extend", "--ticket", '{"token":"t0k3n"}'], env: {}, says: "not the ticket itself" },
    { args: ["completion", "csh"], says: "bash, zsh, fish" },
    { args: ["ls", "--url", "http://u:s3cret@h"], says: "--url must be a url such as" },
    { args: ["ls", "--url", ""], says: "--url must not be empty" },
    { args: ["ls", "--nodes", "one,two,one"], says: "--nodes must name each node once" },
    { args: ["ls", "--nodes", "one,two"], says: "at least 3 nodes" },
    { args: ["ls", "--url", "redis://h", "--nodes", "a,b,c"], says: "exclude each other" },
    { args: ["ls", "--cluster", "--sentinel", "main"], says: "exclude each other" },
    { args: ["ls"], env: { REDIS_URL: "redis//u:s3cret@h" }, says: "REDIS_URL must be a url such as" },
    { args: ["ls"], env: { REDIS_PORT: "s3cret" }, says: "REDIS_PORT must be a whole number" },
    { args: ["redis://u:s3cret@h"], says: "commands: run" },
    { args: ["ls", "a", "redis://u:s3cret@h"], says: "Expected 1 argument" },
    { args: ["ls", "--redis://u:s3cret@h"], says: "unknown option" },
    { args: ["run", "k", "\u001b[31m\u202e", "--x\nyz"], says: "unknown option" },
  ])("$args is refused in one line: $says", async ({ args, env = NOWHERE, says }) => {
    // Where the server is asked first, it is there: what is wrong is told all the same.
    const given = Object.keys(env).length === 0 ? { REDIS_URL: redis.url } : env;
    const { code, stdout, stderr } = await lockHere(args, given);
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/^lock: [^\n]+\n$/);
    expect(stderr).not.toMatch(/s3cret|t0k3n|\p{Cf}| at .*\.js/u);
    expect(stderr).not.toContain("\u001b");
    expect(stdout).toBe("");
    expect(code).toBe(64);
  });

  it("is told as JSON where that is asked for", async () => {
    const { code, stderr } = await lockHere(["run", "k", "--json"], NOWHERE);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "LOCK_USAGE", exitCode: 64 } });
    expect(code).toBe(64);
  });
});

describe.concurrent("the command, as a process of its own", () => {
  it.each([
    { args: ["run", "k", "--tll", "3s", "--", "true"], code: 64, says: /^lock: [^\n]*--ttl[^\n]*\n$/ },
    { args: ["ls"], code: 69, says: /^lock: cannot use Redis at 127\.0\.0\.1:1: [^\n]+\n$/ },
    {
      args: ["run", "k", "--", "true"],
      code: 69,
      says: /^lock: cannot use Redis at 127\.0\.0\.1:1: [^\n]+\n$/,
    },
    { args: ["ls", "--json"], code: 69, says: /^\{"error":\{.*"exitCode":69.*\n$/ },
  ])("$args ends with exit code $code, and says why on stderr only", async ({ args, code, says }) => {
    const ended = await lock(args, NOWHERE);
    expect(ended).toMatchObject({ code, signal: null, stdout: "" });
    expect(ended.stderr).toMatch(says);
  });

  it("--help ends with exit code 0, on stdout only", async () => {
    const { code, stdout, stderr } = await lock(["--help"], { COLUMNS: "80" });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Exit codes:");
  });
});

describe("a Redis that cannot be used", () => {
  it.each([
    { what: "nobody listens", env: NOWHERE, says: "127.0.0.1:1: connect ECONNREFUSED" },
    { what: "the password is wrong", env: "wr0ng", says: "WRONGPASS" },
    { what: "the password is missing", env: "", says: "NOAUTH" },
  ])("$what: one line, exit code 69", async ({ env, says }) => {
    const given =
      typeof env === "string" ? { REDIS_PORT: String(redis.server.port), REDIS_PASSWORD: env } : env;
    for (const args of [["ls"], ["run", "k", "--", "true"], ["acquire", "k", "--out", "-"]]) {
      const { code, stderr } = await lockHere(args, given);
      expect(stderr).toContain(says);
      expect(stderr).toMatch(/^lock: [^\n]+\n$/);
      expect(stderr).not.toContain("wr0ng");
      expect(code).toBe(69);
    }
  });
});

describe("help", () => {
  it("has all commands, the exit codes, and examples, and fits 80 columns", async () => {
    const { code, stdout } = await lockHere(["--help"], { COLUMNS: "80" });
    for (const word of ["run", "ls", "inspect", "release", "watch", "top", "health", "77"]) {
      expect(stdout).toContain(word);
    }
    expect(code).toBe(0);
    for (const command of stdout.matchAll(/^ {2}([a-z]+) \[?/gm)) {
      const help = await lockHere([command[1] ?? "", "--help"], { COLUMNS: "80" });
      expect(help.stdout).toContain("Examples:");
      expect(help.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
      expect(help.stdout).not.toContain("\u001b");
      expect(help.code).toBe(0);
    }
  });
});

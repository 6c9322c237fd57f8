import { once } from "node:events";
import { existsSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { refusalSuite } from "@lock/demo-kit/suites";
import { expectFits, launchDemo, runLauncher, startGivenRedis } from "@lock/demo-kit/testing";
import { startRedis } from "@lock/redis-harness";
import { describe, expect, it } from "vitest";
import { readOptions } from "../src/options.ts";

/** The numbers of the lines of the file that the demo has printed. */
function printedNumbers(stdout: string): number[] {
  const [, file = ""] = stdout.split("The file ");
  return [...file.matchAll(/^ +(\d+) {2}writer-\d+ {2}(?:\d+|-)/gm)].map(([, number]) => Number(number));
}

const oneTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe.concurrent("pnpm demo", () => {
  it("writes 24 lines in sequence with the lock, cleans up, and lists all demos", async () => {
    const { code, stdout, stderr } = await runLauncher([]);
    expect(stderr).toBe("");
    expect(stdout).toContain("Verdict: good: 24 lines, numbered 1 to 24 without a gap or a repeat");
    expect(code).toBe(0);
    expect(printedNumbers(stdout)).toEqual(oneTo(24));
    expect(stdout).toMatch(/Verdict: good[\s\S]+All demos[\s\S]+\n {2}pnpm demo shared-file /);
    expect(stdout).not.toContain("\u001b");
    expectFits(stdout, 80);
    const [, path = ""] = /File: {2}(.+), removed/.exec(stdout) ?? [];
    expect(path).toContain("shared.txt");
    expect(existsSync(path)).toBe(false);
  });

  it("shows the damage without the lock, or says that there was none", async () => {
    const { code, stdout } = await launchDemo(
      ["shared-file", "--no-lock", "--writers", "2", "--turns", "12"],
      { COLUMNS: "60" },
    );
    expectFits(stdout, 60);
    expect(stdout).toMatch(/Verdict: (DAMAGED, as nothing kept the writers apart|no damage this time)/);
    expect(code).toBe(0);
    expect(printedNumbers(stdout)).toHaveLength(24);
  });
});

refusalSuite("shared-file", readOptions, [
  [["--writers", "0"], "--writers must be a whole number from 1 to 12"],
  [["--turns", "many"], "--turns must be a whole number from 1 to 50"],
  [["--lock"], "--lock"],
]);

describe.concurrent("a Redis that the environment names", () => {
  it("is used, with its password, which is never shown", async () => {
    await using given = await startGivenRedis();
    const { code, stdout, stderr } = await launchDemo(
      ["shared-file", "--writers", "2", "--turns", "2"],
      given.env,
    );
    expect(stderr).toBe("");
    expect(stdout).toContain(`Redis: ${given.place}, as the environment says`);
    expect(stdout).not.toContain(given.secret);
    expect(code).toBe(0);
  });

  it.each(["wrong", undefined])("is named in the error when it refuses the password %j", async (wrong) => {
    await using redis = await startRedis({ password: "s3cret" });
    const env = { REDIS_PORT: String(redis.port), REDIS_PASSWORD: wrong };
    const { code, stderr } = await launchDemo(["shared-file"], env);
    expect(code).toBe(1);
    expect(stderr).toContain(`${redis.host}:${redis.port} (from REDIS_PORT`);
    expect(stderr).toContain("password");
    expect(stderr).not.toContain("wrong");
  });

  it("is named in the error when it never answers", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const { code, stderr } = await launchDemo(["shared-file"], {
      REDIS_URL: `redis://:s3cret@127.0.0.1:${port}`,
    });
    silent.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`127.0.0.1:${port} \\(from REDIS_URL\\): no answer\\s+within\\s+3000\\s+ms`),
    );
    expect(stderr).not.toContain("s3cret");
  });

  it("is refused with the name of the variable when that is wrong", async () => {
    const { code, stderr } = await launchDemo(["shared-file"], { REDIS_PORT: "6379x" });
    expect(code).toBe(1);
    expect(stderr).toContain('REDIS_PORT must be a number from 1 to 65535, got "6379x"');
  });
});

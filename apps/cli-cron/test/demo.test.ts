import { refusalSuite } from "@lock/demo-kit/suites";
import {
  expectFits,
  expectNothingAt,
  interruptDemo,
  launchDemo,
  startGivenRedis,
} from "@lock/demo-kit/testing";
import { describe, expect, it } from "vitest";
import { readOptions } from "../src/options.ts";

describe.concurrent("pnpm demo cli-cron", () => {
  it("never runs two reports at once, also when lock run is killed", async () => {
    const { code, stdout, stderr } = await launchDemo(["cli-cron", "--reports", "2"]);
    expect(stderr).toBe("");
    expect(stdout).toContain("skips: the key is busy (exit code 75)");
    expect(stdout).toContain("lock run is killed (SIGKILL) at step 3 of 6");
    expect(stdout).toMatch(/runs the report, token \d+,\s+\d+\s+ms\s+after\s+the\s+kill/);
    expect(stdout).toMatch(/Verdict: good: never two reports at once:\s+2 reports finished, 1\s+cut\s+short/);
    expect(stdout).not.toContain("\u001b");
    expectFits(stdout, 80);
    expect(code).toBe(0);
    await expectNothingLeft(stdout);
  });

  it("kills nothing where it is not to, on the Redis that the environment names, whose password is never shown", async () => {
    await using given = await startGivenRedis();
    const env = { ...given.env, COLUMNS: "60" };
    const { code, stdout, stderr } = await launchDemo(["cli-cron", "--no-kill", "--reports", "2"], env);
    expect(stderr).toBe("");
    expectFits(stdout, 60);
    expect(stdout).not.toContain("is killed");
    expect(stdout).toContain(`Redis: ${given.place}, as the environment says`);
    expect(stdout).not.toContain(given.secret);
    expect(code).toBe(0);
    for (const { expiresIn } of await given.keys()) expect(expiresIn).toBeGreaterThan(0);
  });

  it("by SIGINT it ends its shells, their reports, and its Redis", async () => {
    const { code, stdout } = await interruptDemo(["cli-cron"], /runs the report/, "SIGINT");
    expect(code).toBe(130);
    expect(stdout).not.toContain("Verdict");
    await expectNothingLeft(stdout);
  });
});

refusalSuite("cli-cron", readOptions, [
  [["--reports", "1"], "--reports must be a whole number from 2 to 20"],
  [["--kill"], "pnpm demo cli-cron --help"],
]);

async function expectNothingLeft(stdout: string): Promise<void> {
  const [, port = ""] = /Redis: 127\.0\.0\.1:(\d+), started/.exec(stdout) ?? [];
  await expectNothingAt([Number(port)]);
}

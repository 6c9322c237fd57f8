import { readdirSync, readFileSync } from "node:fs";
import {
  expectFits,
  INTERRUPTIONS,
  interruptDemo,
  isOpen,
  launchDemo,
  startGivenRedis,
} from "@lock/demo-kit/testing";
import { describe, expect, it } from "vitest";

describe("pnpm demo cli-cron", () => {
  it("never runs two reports at once, also when lock run is killed", async () => {
    const { code, stdout, stderr } = await launchDemo(["cli-cron"]);
    expect(stderr).toBe("");
    expect(stdout).toContain("skips: the key is busy (exit code 75)");
    expect(stdout).toContain("lock run is killed (SIGKILL) at step 3 of 6");
    expect(stdout).toMatch(/runs the report, token \d+,\s+\d+\s+ms\s+after\s+the\s+kill/);
    expect(stdout).toMatch(/Verdict: good: never two reports at once:\s+5 reports finished, 1\s+cut\s+short/);
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

  it.each([
    [["--reports", "1"], "--reports must be a whole number from 2 to 20"],
    [["--kill"], "pnpm demo cli-cron --help"],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await launchDemo(["cli-cron", ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  it.each(INTERRUPTIONS)(
    "by %s it ends its shells, their reports, and its Redis",
    async (signal, exitCode) => {
      const { code, stdout } = await interruptDemo(["cli-cron"], /runs the report/, signal);
      expect(code).toBe(exitCode);
      expect(stdout).not.toContain("Verdict");
      await expectNothingLeft(stdout);
    },
  );
});

async function expectNothingLeft(stdout: string): Promise<void> {
  const [, port = ""] = /Redis: 127\.0\.0\.1:(\d+), started/.exec(stdout) ?? [];
  expect(port).not.toBe("");
  await expect.poll(() => isOpen(Number(port))).toBe(false);
  // What the demo starts has the address of its Redis in its environment.
  await expect.poll(() => withInEnvironment(`127.0.0.1:${port}`)).toEqual([]);
}

function withInEnvironment(text: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, "utf8").includes(text);
    } catch {
      return false;
    }
  });
}

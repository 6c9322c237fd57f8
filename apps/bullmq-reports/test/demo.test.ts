import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  expectFits,
  INTERRUPTIONS,
  interruptDemo,
  isOpen,
  launchDemo,
  startGivenRedis,
} from "@lock/demo-kit/testing";
import { describe, expect, it } from "vitest";

const run = promisify(execFile);
const SOURCES = fileURLToPath(new URL("../src/", import.meta.url));

/** Whether the Redis that the demo started for itself is still there. */
async function hasLeftRedis(stdout: string): Promise<boolean> {
  const [, port = ""] = /Redis: +127\.0\.0\.1:(\d+)/.exec(stdout) ?? [];
  expect(port).not.toBe("");
  return isOpen(Number(port));
}

/** The processes of this checkout that ask for reports, or build them: paused ones too. */
async function processesLeft(): Promise<string[]> {
  const { stdout } = await run("ps", ["-eo", "pid,stat,args"]);
  return stdout.split("\n").filter((line) => line.includes(SOURCES));
}

describe("pnpm demo bullmq-reports", () => {
  // On a Redis that stays, to see what is left there; the other runs have one of their own, which is to end with them.
  it("builds each report once, whoever is killed or paused, and leaves what is to be kept", async () => {
    await using given = await startGivenRedis();
    const { code, stdout, stderr } = await launchDemo(["bullmq-reports", "--keep"], given.env);
    expect(stderr).toBe("");
    expect(stdout).toContain(`Redis:  ${given.place}, as the environment says`);
    expect(stdout).toContain("Verdict: good: 40 reports, each built exactly once.");
    expect(stdout).toContain("500: 40 jobs added, 460 duplicates refused");
    expect(stdout).toMatch(/worker-2 is killed \(SIGKILL\) in the middle of [a-z]+-[a-z]+\n/);
    expect(stdout).toMatch(/worker-3 writes step 2 of [a-z]+-[a-z]+, fence \d{10,}: refused/);
    expectFits(stdout, 80);
    for (const unwanted of [given.secret, "\u001b", "│"]) expect(stdout).not.toContain(unwanted);
    expect(code).toBe(0);
    const keys = (await given.keys()).map(({ key }) => key);
    expect(keys).toHaveLength(41);
    for (const key of keys) expect(key).toMatch(/^bullmq-reports-[0-9a-f]{8}:store:(log$|report:)/);
    expect(stdout).toContain(`Kept:   ${keys[0]?.split(":")[0]}:store:*`);
    expect(await processesLeft()).toEqual([]);
  });

  it("shows the damage without the guard, and leaves nothing behind", async () => {
    const { code, stdout, stderr } = await launchDemo(["bullmq-reports", "--no-guard"], { COLUMNS: "60" });
    expectFits(stdout, 60);
    expect(stderr).toBe("");
    expect(stdout).toContain("500: 500 jobs added, 0 duplicates refused");
    expect(stdout).toContain("Verdict: DAMAGED, as there was no guard: 40 reports built");
    expect(stdout).toContain("40 reports built more than once");
    expect(stdout).toMatch(/\d+ reports? written by two runs at once/);
    expect(stdout).toMatch(
      /\d+ writes? accepted from a run whose job had\s+been\s+given\s+to\s+another\s+one/,
    );
    expect(stdout).toMatch(/worker-3 writes step 2 of .+,\s+no\s+fencing\s+token:\s+accepted/);
    expect(code).toBe(0);
    expect(await hasLeftRedis(stdout)).toBe(false);
    expect(await processesLeft()).toEqual([]);
  });

  it.each([
    [["--lock\u001b"], "pnpm demo bullmq-reports --help"],
    [["--keep"], "--keep is for a Redis that stays"],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await launchDemo(["bullmq-reports", ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("\u001b");
  });
});

describe("when it is interrupted", () => {
  it.each(INTERRUPTIONS)(
    "by %s while a worker is paused, it ends its processes",
    async (signal, exitCode) => {
      const { code, stdout } = await interruptDemo(["bullmq-reports"], /is paused \(SIGSTOP\)/, signal);
      expect(code).toBe(exitCode);
      expect(stdout).toContain("Interrupted");
      expect(stdout).not.toContain("Verdict");
      expect(stdout).not.toContain("│");
      expect(await hasLeftRedis(stdout)).toBe(false);
      expect(await processesLeft()).toEqual([]);
    },
  );
});

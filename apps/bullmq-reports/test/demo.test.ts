import { refusalSuite } from "@lock/demo-kit/suites";
import {
  expectFits,
  expectNothingAt,
  interruptDemo,
  launchDemo,
  processesWith,
  startGivenRedis,
} from "@lock/demo-kit/testing";
import { describe, expect, it } from "vitest";
import { readOptions } from "../src/options.ts";

/** Neither the Redis that the demo started for itself, nor a process that uses it, also one that is paused. */
async function expectNothingLeft(stdout: string): Promise<void> {
  const [, port = ""] = /Redis: +127\.0\.0\.1:(\d+)/.exec(stdout) ?? [];
  await expectNothingAt([Number(port)]);
}

describe.concurrent("pnpm demo bullmq-reports", () => {
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
    expect(processesWith(given.place)).toEqual([]);
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
    await expectNothingLeft(stdout);
  });

  it("refuses --keep where its Redis does not stay", async () => {
    const { code, stderr } = await launchDemo(["bullmq-reports", "--keep"]);
    expect(code).toBe(1);
    expect(stderr).toContain("--keep is for a Redis that stays");
  });

  it("interrupted by SIGINT while a worker is paused, it ends its processes", async () => {
    const { code, stdout } = await interruptDemo(["bullmq-reports"], /is paused \(SIGSTOP\)/, "SIGINT");
    expect(code).toBe(130);
    expect(stdout).toContain("Interrupted");
    expect(stdout).not.toContain("Verdict");
    expect(stdout).not.toContain("│");
    await expectNothingLeft(stdout);
  });
});

refusalSuite("bullmq-reports", readOptions, [[["--lock\u001b"], "pnpm demo bullmq-reports --help"]]);

import { refusalSuite, serveSuite } from "@lock/demo-kit/suites";
import { expectFits, interruptDemo, launchDemo, startGivenRedis } from "@lock/demo-kit/testing";
import { describe, expect, it } from "vitest";
import { readOptions } from "../src/options.ts";

describe.concurrent("pnpm demo agent-memory", () => {
  it("takes all turns, refuses what came too late, and leaves nothing in a Redis that the environment names", async () => {
    await using given = await startGivenRedis();
    const args = ["agent-memory", "--turns", "80", "--sessions", "4"];
    const { code, stdout, stderr } = await launchDemo(args, given.env);
    expect(stderr).toBe("");
    expect(stdout).toContain(`Redis:  ${given.place}, as the environment says`);
    expect(stdout).not.toContain(given.secret);
    expect(stdout).toContain("Verdict: good: 80 turns in 4 conversations, each stored once.");
    expect(stdout).toMatch(/agent-2 is paused \(SIGSTOP\) in the middle of an answer in session-\d/);
    expect(stdout).toMatch(/agent-[13] has saved a turn in session-\d; agent-2 wakes up/);
    expect(stdout).toContain("saves its answer anyway: the store refuses it");
    expect(stdout).toContain("80 of 80 turns saved");
    expect(stdout.match(/^ {2}session-\d +(\d+)\/\1 +0 +0 +0 {2}agent-1/gm)).toHaveLength(4);
    expectFits(stdout, 80);
    expect(stdout).not.toContain("\u001b");
    expect(code).toBe(0);
    expect(await given.keys()).toEqual([]);
  });

  it("shows without the lock what is lost", async () => {
    const { code, stdout, stderr } = await launchDemo(
      ["agent-memory", "--no-lock", "--turns", "80", "--sessions", "4"],
      { COLUMNS: "60" },
    );
    expectFits(stdout, 60);
    expect(stdout).not.toMatch(/taken over|takes over|lease/);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /Verdict: DAMAGED, as nothing kept the turns apart:\s+[1-9]\d*\s+of\s+80\s+turns\s+lost\.\s+[1-9]\d* turns answered/,
    );
    expect(code).toBe(0);
  });

  it("interrupted by SIGINT while an agent is paused, it ends its processes", async () => {
    const { code, stdout } = await interruptDemo(["agent-memory"], /is paused \(SIGSTOP\)/, "SIGINT");
    expect(code).toBe(130);
    expect(stdout).not.toContain("Verdict");
    expect(stdout).not.toContain("│");
  });
});

refusalSuite("agent-memory", readOptions, [
  [["--turns", "5"], "--turns must be a whole number from 10 to 1000"],
  [["--serve", "--turns", "20"], "--turns is not for --serve"],
]);
serveSuite("agent-memory", readOptions);

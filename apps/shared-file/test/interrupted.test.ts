import { existsSync } from "node:fs";
import { interruptDemo } from "@lock/demo-kit/testing";
import { describe, expect, it } from "vitest";

/** Long enough to be in the middle of it when the first turn is shown. */
const LONG = ["shared-file", "--writers", "2", "--turns", "50"];

/** All demos hear SIGTERM as they hear SIGINT. That its launcher ends, a demo learns from the channel between them. */
const INTERRUPTIONS = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["the end of its launcher", 129],
] as const;

describe.concurrent("a demo that is interrupted", () => {
  it.each(INTERRUPTIONS)("by %s ends its processes and removes its file", async (interruption, exitCode) => {
    const { code, stdout } = await interruptDemo(LONG, / writer-\d +\d+ +\d{10,} +\d+ ms/, interruption);
    const [, path = ""] = /File: {2}(.+), removed/.exec(stdout) ?? [];
    expect(code).toBe(exitCode);
    expect(stdout).toContain("Interrupted");
    expect(stdout).not.toContain("Verdict");
    expect(stdout).not.toContain("│");
    expect(path).toContain("shared.txt");
    expect(existsSync(path)).toBe(false);
  });
});

import { existsSync } from "node:fs";
import { INTERRUPTIONS, interruptDemo } from "@lock/demo-kit/testing";
import { describe, expect, it } from "vitest";

/** Long enough to be in the middle of it when the first turn is shown. */
const LONG = ["shared-file", "--writers", "3", "--turns", "50"];

describe("a demo that is interrupted", () => {
  it.each([...INTERRUPTIONS, ["SIGTERM", 143] as const])(
    "by %s ends its processes and removes its file",
    async (signal, exitCode) => {
      const { code, stdout } = await interruptDemo(LONG, / writer-\d +\d+ +\d{10,} +\d+ ms/, signal);
      const [, path = ""] = /File: {2}(.+), removed/.exec(stdout) ?? [];
      expect(code).toBe(exitCode);
      expect(stdout).toContain("Interrupted");
      expect(stdout).not.toContain("Verdict");
      expect(stdout).not.toContain("│");
      expect(path).toContain("shared.txt");
      expect(existsSync(path)).toBe(false);
    },
  );
});

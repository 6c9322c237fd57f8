import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { launcherOptions } from "./launch-demo.ts";

/** Long enough to be in the middle of it when the first turn is shown. */
const LONG = ["shared-file", "--writers", "3", "--turns", "50"];

/**
 * Starts the demo, ends its launcher by the signal after the first turns; resolves when no process is left that
 * writes to the output. Without the tsx command in between, which could not tell anybody that it was SIGKILLed.
 */
async function interrupt(signal: NodeJS.Signals) {
  const child = spawn(process.execPath, ["--import", "tsx", "apps/demo.ts", ...LONG], {
    ...launcherOptions(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    output += `${line}\n`;
    if (/ after +\d+ ms$/.test(line)) child.kill(signal);
  });
  // Not "exit": the output is closed by the last process that has it, not by the first one to go.
  const [code] = await once(child, "close");
  const [, path = ""] = /File: {2}(.+), removed/.exec(output) ?? [];
  return { code, output, path };
}

describe("a demo that is interrupted", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGKILL", null],
  ] as const)("by %s ends its processes and removes its file", async (signal, exitCode) => {
    const { code, output, path } = await interrupt(signal);
    expect(code).toBe(exitCode);
    expect(output).toContain("Interrupted");
    expect(output).not.toContain("Verdict");
    expect(output).not.toContain("│");
    expect(path).toContain("shared.txt");
    expect(existsSync(path)).toBe(false);
  });
});

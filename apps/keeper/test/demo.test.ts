import { refusalSuite } from "@lock/demo-kit/suites";
import { expectFits, expectNothingAt, interruptDemo, launchDemo } from "@lock/demo-kit/testing";
import { describe, expect, it } from "vitest";
import { readOptions } from "../src/options.ts";

describe.concurrent("pnpm demo keeper", () => {
  it("has the standby take over from a leader that is killed, paused and cut off", async () => {
    const { code, stdout, stderr } = await launchDemo(["keeper"]);
    expect(stderr).toBe("");
    expect(stdout).toContain("Verdict: good: no two keepers led at once, and no tick was written twice.");
    for (const fault of ["kill", "pause", "partition"]) {
      expect(stdout).toMatch(new RegExp(`leads \\d+ ms after the ${fault}, token \\d+`));
    }
    expect(stdout).toContain("learns that its lead is lost (stalled)");
    expect(stdout).toContain("learns that its lead is lost (unreachable)");
    expect(stdout).toMatch(
      /The late write of keeper-\d \(tick \d+\) was refused:\n {2}its token \d+ < \d+, the largest so far/,
    );
    expect(stdout).toMatch(/skips tick \d+: minHold still holds its key/);
    expect(stdout).not.toContain("\u001b");
    expectFits(stdout, 80);
    expect(code).toBe(0);
    await expectNoServers(stdout);
  });

  it("does only what is asked for", async () => {
    const { code, stdout } = await launchDemo(["keeper", "--fault", "kill", "--every", "1500"], {
      COLUMNS: "60",
    });
    expectFits(stdout, 60);
    expect(stdout).toContain("is killed (SIGKILL)");
    expect(stdout).not.toContain("is paused (");
    expect(stdout).not.toContain("is cut off");
    expect(code).toBe(0);
  });

  it("interrupted by SIGINT it ends its processes, also the one that is paused, and its nodes", async () => {
    const { code, stdout } = await interruptDemo(
      ["keeper", "--fault", "pause"],
      /is paused \(SIGSTOP\)/,
      "SIGINT",
    );
    expect(code).toBe(130);
    expect(stdout).toContain("Interrupted");
    expect(stdout).not.toContain("Verdict");
    await expectNoServers(stdout);
  });
});

refusalSuite("keeper", readOptions, [
  [["--fault", "toString"], '--fault must be kill, pause or partition, got "toString"'],
  [["--every", "1\u001b"], '--every must be a whole number from 1500 to 3000, got "1\\u{1b}"'],
  [["--nodes", "5"], "pnpm demo keeper --help"],
]);

async function expectNoServers(stdout: string): Promise<void> {
  const [, list = ""] = /Nodes: +127\.0\.0\.1:([\d, ]+), started/.exec(stdout) ?? [];
  const ports = list.split(", ").map(Number);
  expect(ports).toHaveLength(3);
  await expectNothingAt(ports);
}

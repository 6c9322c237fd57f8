import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectFits, INTERRUPTIONS, interruptDemo, isOpen, launchDemo } from "@lock/demo-kit/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let directory = "";
let log = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "redlock-clients-"));
  log = join(directory, "logger.log");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("pnpm demo redlock-clients", () => {
  it("shares one lock, and logs every attempt, vote, acquisition and release with its nodes", async () => {
    const { code, stdout, stderr } = await run("--clients", "3", "--turns", "2");
    expect(stderr).toBe("");
    expect(stdout).toContain("Verdict: good: no two clients held the lock at once.");
    expect(stdout).toContain("6 leases: at least 3 nodes granted each");
    expect(stdout).toContain(`  ${log}\n`);
    expect(stdout).not.toContain("\u001b");
    expectFits(stdout, 80);
    expect(code).toBe(0);
    const entries = await readLog();
    const kinds = new Set(entries.map(({ what }) => what));
    for (const what of ["asks", "attempt", "vote", "acquired", "release at node", "released"]) {
      expect(kinds).toContain(what);
    }
    const voters = entries.filter(({ what }) => what === "vote").map(({ node }) => node);
    expect(new Set(voters)).toEqual(new Set([1, 2, 3, 4, 5]));
    await expectNoServers(stdout);
  });

  it("goes on without two of its nodes", async () => {
    const { code, stdout } = await run("--clients", "3", "--turns", "2", "--kill", "2");
    expect(stdout).toContain("nodes 1, 2 killed");
    expect(stdout).toMatch(/[1-9] of them were asked for after two nodes had been killed/);
    expect(code).toBe(0);
    await expectNoServers(stdout);
  });

  it("refuses without three of them, says why, and goes on when one returns", async () => {
    const { code, stdout } = await run("--clients", "3", "--turns", "2", "--kill", "3");
    expect(stdout).toContain("nodes 1, 2, 3 killed");
    expect(stdout).toMatch(/ ✗✗✗[●○–]{2} +QuorumError (\d (timeout|error), )+\d \w+/);
    expect(stdout).toContain("node 1 returns, with the data it had");
    expect(stdout).toMatch(/[1-9]\d* acquires? refused, none granted/);
    expect(code).toBe(0);
    const refusals = (await readLog()).filter(({ what }) => what === "refused");
    expect(refusals.length).toBeGreaterThan(0);
    await expectNoServers(stdout);
  });

  it.each([
    [["--kill", "4"], '--kill must be 2 (work goes on) or 3 (work stops), got "4"'],
    [["--clients", "1"], "--clients must be a whole number from 2 to 12"],
    [["--turns", "1\u001b"], '--turns must be a whole number from 2 to 20, got "1\\u{1b}"'],
    [["--log", "no/such/directory/\u001b.log"], "cannot write the log"],
    [["--nodes", "5"], "pnpm demo redlock-clients --help"],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await launchDemo(["redlock-clients", ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("\u001b");
  });
});

describe("when it is interrupted", () => {
  it.each(INTERRUPTIONS)("by %s it ends its processes and nodes", async (signal, exitCode) => {
    const args = ["redlock-clients", "--kill", "3", "--turns", "6", "--log", log];
    const { code, stdout } = await interruptDemo(args, /killed \(SIGKILL\)/, signal);
    expect(code).toBe(exitCode);
    expect(stdout).toContain("Interrupted");
    expect(stdout).not.toContain("Verdict");
    await expectNoServers(stdout);
  });
});

function run(...args: readonly string[]) {
  return launchDemo(["redlock-clients", ...args, "--log", log]);
}

async function readLog(): Promise<{ what: string; node?: number }[]> {
  const text = await readFile(log, "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

async function expectNoServers(stdout: string): Promise<void> {
  const [, list = ""] = /Nodes: +127\.0\.0\.1:([\d, ]+), started/.exec(stdout) ?? [];
  const ports = list.split(", ").map(Number);
  expect(ports).toHaveLength(5);
  for (const port of ports) await expect.poll(() => isOpen(port)).toBe(false);
}

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { refusalSuite } from "@lock/demo-kit/suites";
import { expectFits, expectNothingAt, interruptDemo, launchDemo } from "@lock/demo-kit/testing";
import { describe, expect, it } from "vitest";
import { readOptions } from "../src/options.ts";

interface Log extends AsyncDisposable {
  readonly path: string;
  entries(): Promise<{ what: string; node?: number }[]>;
}

/** A file for the log of one run. */
async function newLog(): Promise<Log> {
  const directory = await mkdtemp(join(tmpdir(), "redlock-clients-"));
  const path = join(directory, "logger.log");
  const lines = async () => (await readFile(path, "utf8")).trimEnd().split("\n");
  return {
    path,
    entries: async () => (await lines()).map((line) => JSON.parse(line)),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

describe.concurrent("pnpm demo redlock-clients", () => {
  it("shares one lock, and logs every attempt, vote, acquisition and release with its nodes", async () => {
    await using log = await newLog();
    const { code, stdout, stderr } = await run(log, "--clients", "2", "--turns", "2");
    expect(stderr).toBe("");
    expect(stdout).toContain("Verdict: good: no two clients held the lock at once.");
    expect(stdout).toContain("4 leases: at least 3 nodes granted each");
    expect(stdout).toContain(`  ${log.path}\n`);
    expect(stdout).not.toContain("\u001b");
    expectFits(stdout, 80);
    expect(code).toBe(0);
    const entries = await log.entries();
    const kinds = new Set(entries.map(({ what }) => what));
    for (const what of ["asks", "attempt", "vote", "acquired", "release at node", "released"]) {
      expect(kinds).toContain(what);
    }
    const voters = entries.filter(({ what }) => what === "vote").map(({ node }) => node);
    expect(new Set(voters)).toEqual(new Set([1, 2, 3, 4, 5]));
    await expectNoServers(stdout);
  });

  it("goes on without two of its nodes", async () => {
    await using log = await newLog();
    const { code, stdout } = await run(log, "--clients", "2", "--turns", "2", "--kill", "2");
    expect(stdout).toContain("nodes 1, 2 killed");
    expect(stdout).toMatch(/[1-9] of them were asked for after two nodes had been killed/);
    expect(code).toBe(0);
    await expectNoServers(stdout);
  });

  it("refuses without three of them, says why, and goes on when one returns", async () => {
    await using log = await newLog();
    const { code, stdout } = await run(log, "--clients", "2", "--turns", "2", "--kill", "3");
    expect(stdout).toContain("nodes 1, 2, 3 killed");
    expect(stdout).toMatch(/ ✗✗✗[●○–]{2} +QuorumError (\d (timeout|error), )+\d \w+/);
    expect(stdout).toContain("node 1 returns, with the data it had");
    expect(stdout).toMatch(/[1-9]\d* acquires? refused, none granted/);
    expect(code).toBe(0);
    const refusals = (await log.entries()).filter(({ what }) => what === "refused");
    expect(refusals.length).toBeGreaterThan(0);
    await expectNoServers(stdout);
  });

  it("refuses a log that it cannot write", async () => {
    const args = ["redlock-clients", "--log", "no/such/directory/\u001b.log"];
    const { code, stderr } = await launchDemo(args);
    expect(code).toBe(1);
    expect(stderr).toContain("cannot write the log");
    expect(stderr).not.toContain("\u001b");
  });

  it("interrupted by SIGINT it ends its processes and nodes", async () => {
    await using log = await newLog();
    const args = ["redlock-clients", "--clients", "2", "--kill", "3", "--turns", "6", "--log", log.path];
    const { code, stdout } = await interruptDemo(args, /killed \(SIGKILL\)/, "SIGINT");
    expect(code).toBe(130);
    expect(stdout).toContain("Interrupted");
    expect(stdout).not.toContain("Verdict");
    await expectNoServers(stdout);
  });
});

refusalSuite("redlock-clients", readOptions, [
  [["--kill", "4"], '--kill must be 2 (work goes on) or 3 (work stops), got "4"'],
  [["--clients", "1"], "--clients must be a whole number from 2 to 12"],
  [["--turns", "1\u001b"], '--turns must be a whole number from 2 to 20, got "1\\u{1b}"'],
  [["--nodes", "5"], "pnpm demo redlock-clients --help"],
]);

function run({ path }: Log, ...args: readonly string[]) {
  return launchDemo(["redlock-clients", ...args, "--log", path]);
}

async function expectNoServers(stdout: string): Promise<void> {
  const [, list = ""] = /Nodes: +127\.0\.0\.1:([\d, ]+), started/.exec(stdout) ?? [];
  const ports = list.split(", ").map(Number);
  expect(ports).toHaveLength(5);
  await expectNothingAt(ports);
}

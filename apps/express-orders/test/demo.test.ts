import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { refusalSuite, serveSuite } from "@lock/demo-kit/suites";
import { expectFits, interruptDemo, launchDemo, startGivenRedis } from "@lock/demo-kit/testing";
import { findFreePort } from "@lock/redis-harness/host";
import { describe, expect, it } from "vitest";
import { readOptions } from "../src/options.ts";

function ledgerPath(stdout: string): string {
  const [, path = ""] = /Ledger: (.+), (?:removed|kept)/.exec(stdout) ?? [];
  expect(path).toContain("ledger.csv");
  return path;
}

describe.concurrent("pnpm demo express-orders", () => {
  it("charges each order once, refuses some requests of each instance, keeps the ledger where that is wanted, and leaves nothing locked in a Redis that the environment names", async () => {
    await using given = await startGivenRedis();
    const { code, stdout, stderr } = await launchDemo(
      ["express-orders", "--orders", "40", "--keep"],
      given.env,
    );
    expect(stderr).toBe("");
    expect(stdout).toContain("Verdict: good: 40 orders, 40 charges, none missing and none twice.");
    expect(stdout).toContain("40 of 40 orders paid");
    expect(stdout).toMatch(/10\d\d +\d\d\.\d\d € {2}shop-[12] +\d+ {2}\d{10,}/);
    expect(stdout).not.toContain("\u001b");
    expectFits(stdout, 80);
    expect(stdout).not.toContain("\r");
    expect(code).toBe(0);
    const rows = [...stdout.matchAll(/^ {2}(shop-[12]) +(\d+) +(\d+) +(\d+)$/gm)];
    const sum = (column: number) => rows.reduce((total, row) => total + Number(row[column]), 0);
    expect(rows.map(([, name]) => name)).toEqual(["shop-1", "shop-2"]);
    expect([sum(2), sum(3)]).toEqual([40, 40]);
    expect(sum(4)).toBeGreaterThan(0);
    expect(stdout).toContain(`Redis:  ${given.place}, as the environment says`);
    expect(stdout).not.toContain(given.secret);
    await expectLedger(ledgerPath(stdout), 40);
    await expectNothingLocked(given);
  });

  it("shows without the lock what is charged twice", async () => {
    const run = () => launchDemo(["express-orders", "--no-lock", "--orders", "40"], { COLUMNS: "60" });
    let ended = await run();
    // Where one instance stands still until the other has charged, nothing is charged twice: the demo says so.
    for (let runs = 1; runs < 4 && ended.stdout.includes("run it again"); runs++) ended = await run();
    const { code, stdout, stderr } = ended;
    expectFits(stdout, 60);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /Verdict: DAMAGED, as nothing kept the two requests\s+apart\.\s+\d+ of 40 orders charged/,
    );
    expect(stdout).toContain("✗ was charged already");
    expect(stdout).not.toContain("Redis:");
    expect(code).toBe(0);
    expect(existsSync(dirname(ledgerPath(stdout)))).toBe(false);
  });
});

/** What fencing tokens leave behind goes by itself. */
async function expectNothingLocked(given: Awaited<ReturnType<typeof startGivenRedis>>): Promise<void> {
  const left = await given.keys();
  for (const { key, expiresIn } of left) {
    expect(key).toMatch(/^express-orders-[0-9a-f]{8}:\{order:10\d\d\}:(fence|liveness)$/);
    expect(expiresIn).toBeGreaterThan(0);
  }
  expect(left).not.toHaveLength(0);
}

/** Removes it. */
async function expectLedger(path: string, orders: number): Promise<void> {
  try {
    const [header, ...rows] = (await readFile(path, "utf8")).trimEnd().split("\n");
    expect(header).toBe("order,cents,instance,pid,fence,time");
    const numbers = Array.from({ length: orders }, (_, index) => String(1001 + index));
    expect(rows.map((row) => row.split(",")[0]).sort()).toEqual(numbers);
  } finally {
    await rm(dirname(path), { recursive: true });
  }
}

describe.concurrent("when it is interrupted", () => {
  it("by SIGINT while it serves at a port and the next, it ends its processes and removes its ledger", async () => {
    const port = await findFreePort(2);
    const args = ["express-orders", "--serve", "--port", String(port)];
    const { code, stdout } = await interruptDemo(args, /Ctrl-C ends the demo/, "SIGINT");
    const ports = [...stdout.matchAll(/shop-\d +http:\/\/127\.0\.0\.1:(\d+)\/ /g)];
    expect(ports.map(([, served]) => Number(served))).toEqual([port, port + 1]);
    expect(code).toBe(130);
    expect(stdout).toContain("Interrupted");
    expect(stdout).not.toContain("│");
    expect(existsSync(ledgerPath(stdout))).toBe(false);
  });

  it("by SIGINT while customers pay, it gives no verdict", async () => {
    const args = ["express-orders", "--orders", "400"];
    const { code, stdout } = await interruptDemo(args, /100 of 400 orders paid/, "SIGINT");
    expect(code).toBe(130);
    expect(stdout).toContain("Interrupted");
    expect(stdout).not.toContain("Verdict");
    expect(stdout).not.toContain("│");
    expect(existsSync(ledgerPath(stdout))).toBe(false);
  });
});

refusalSuite("express-orders", readOptions, [
  [["--lock\u001b"], "--lock\\u{1b}"],
  [["--lock\u001b"], "pnpm demo express-orders --help"],
]);
serveSuite("express-orders", readOptions);

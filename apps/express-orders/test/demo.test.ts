import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { serveSuite } from "@lock/demo-kit/serve-suite";
import {
  expectFits,
  INTERRUPTIONS,
  interruptDemo,
  launchDemo,
  startGivenRedis,
} from "@lock/demo-kit/testing";
import { findFreePort } from "@lock/redis-harness/host";
import { describe, expect, it } from "vitest";

function ledgerPath(stdout: string): string {
  const [, path = ""] = /Ledger: (.+), (?:removed|kept)/.exec(stdout) ?? [];
  expect(path).toContain("ledger.csv");
  return path;
}

describe("pnpm demo express-orders", () => {
  it("charges each order once, at two instances, and cleans up", async () => {
    const { code, stdout, stderr } = await launchDemo(["express-orders", "--orders", "40"]);
    expect(stderr).toBe("");
    expect(stdout).toContain("Verdict: good: 40 orders, 40 charges, none missing and none twice.");
    expect(stdout).toContain("40 of 40 orders paid");
    expect(stdout).toMatch(/10\d\d +\d\d\.\d\d € {2}shop-[12] +\d+ {2}\d{10,}/);
    expect(stdout).not.toContain("\u001b");
    expectFits(stdout, 80);
    expect(stdout).not.toContain("\r");
    expect(code).toBe(0);
    expect(existsSync(dirname(ledgerPath(stdout)))).toBe(false);
  });

  it("refuses some requests, and tells how many at each instance", async () => {
    const { stdout } = await launchDemo(["express-orders", "--orders", "20"]);
    const rows = [...stdout.matchAll(/^ {2}(shop-[12]) +(\d+) +(\d+) +(\d+)$/gm)];
    const sum = (column: number) => rows.reduce((total, row) => total + Number(row[column]), 0);
    expect(rows.map(([, name]) => name)).toEqual(["shop-1", "shop-2"]);
    expect([sum(2), sum(3)]).toEqual([20, 20]);
    expect(sum(4)).toBeGreaterThan(0);
  });

  it("shows without the lock what is charged twice", async () => {
    const { code, stdout, stderr } = await launchDemo(["express-orders", "--no-lock", "--orders", "40"], {
      COLUMNS: "60",
    });
    expectFits(stdout, 60);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /Verdict: DAMAGED, as nothing kept the two requests\s+apart\.\s+\d+ of 40 orders charged/,
    );
    expect(stdout).toContain("✗ was charged already");
    expect(stdout).not.toContain("Redis:");
    expect(code).toBe(0);
  });

  it("keeps the ledger where that is wanted", async () => {
    const { stdout } = await launchDemo(["express-orders", "--orders", "3", "--keep"]);
    const path = ledgerPath(stdout);
    try {
      const [header, ...rows] = (await readFile(path, "utf8")).trimEnd().split("\n");
      expect(header).toBe("order,cents,instance,pid,fence,time");
      expect(rows.map((row) => row.split(",")[0]).sort()).toEqual(["1001", "1002", "1003"]);
    } finally {
      await rm(dirname(path), { recursive: true });
    }
  });

  it("leaves nothing locked in a Redis that the environment names", async () => {
    await using given = await startGivenRedis();
    const { code, stdout, stderr } = await launchDemo(["express-orders", "--orders", "10"], given.env);
    expect(stderr).toBe("");
    expect(stdout).toContain(`Redis:  ${given.place}, as the environment says`);
    expect(stdout).not.toContain(given.secret);
    expect(code).toBe(0);
    const left = await given.keys();
    // What fencing tokens leave behind goes by itself.
    for (const { key, expiresIn } of left) {
      expect(key).toMatch(/^express-orders-[0-9a-f]{8}:\{order:10\d\d\}:(fence|presence)$/);
      expect(expiresIn).toBeGreaterThan(0);
    }
    expect(left).not.toHaveLength(0);
  });

  it("refuses what it does not know", async () => {
    const { code, stderr } = await launchDemo(["express-orders", "--lock\u001b"]);
    expect(code).toBe(1);
    expect(stderr).toContain("--lock\\u{1b}");
    expect(stderr).toContain("pnpm demo express-orders --help");
  });
});

describe("when it serves at a port", () => {
  it("has its instances at this one and the next", async () => {
    const args = ["express-orders", "--serve", "--port", String(await findFreePort(1))];
    const { stdout } = await interruptDemo(args, /Ctrl-C ends the demo/, "SIGINT");
    const [first, second] = [...stdout.matchAll(/shop-\d +http:\/\/127\.0\.0\.1:(\d+)\/ /g)].map(([, port]) =>
      Number(port),
    );
    expect([first, second]).toEqual([Number(args[3]), Number(args[3]) + 1]);
  });
});

describe("when it is interrupted", () => {
  it.each(INTERRUPTIONS)(
    "by %s while it serves, it ends its processes and removes its ledger",
    async (signal, exitCode) => {
      const { code, stdout } = await interruptDemo(
        ["express-orders", "--serve"],
        /Ctrl-C ends the demo/,
        signal,
      );
      expect(code).toBe(exitCode);
      expect(stdout).toContain("Interrupted");
      expect(stdout).not.toContain("│");
      expect(existsSync(ledgerPath(stdout))).toBe(false);
    },
  );

  it("by SIGINT while customers pay, it gives no verdict", async () => {
    const args = ["express-orders", "--orders", "1000"];
    const { code, stdout } = await interruptDemo(args, /250 of 1000 orders paid/, "SIGINT");
    expect(code).toBe(130);
    expect(stdout).toContain("Interrupted");
    expect(stdout).not.toContain("Verdict");
    expect(stdout).not.toContain("│");
    expect(existsSync(ledgerPath(stdout))).toBe(false);
  });
});

serveSuite("express-orders");

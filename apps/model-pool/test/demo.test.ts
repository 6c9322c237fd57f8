import { refusalSuite } from "@lock/demo-kit/suites";
import { expectFits, interruptDemo, launchDemo, startGivenRedis } from "@lock/demo-kit/testing";
import { describe, expect, it } from "vitest";
import { readOptions } from "../src/options.ts";

describe.concurrent("pnpm demo model-pool", () => {
  it("lets 6 nodes share 4 models, kills one, and gives its model to another", async () => {
    const { code, stdout, stderr } = await launchDemo(["model-pool"]);
    expect(stderr).toBe("");
    expect(stdout).toContain("Verdict: good: no two nodes had one model at a time.");
    expect(stdout).toContain("22 pieces of work were done on 4 models");
    expect(stdout).toMatch(/node-4 ✗.+\s+node-4 was killed; its lease ends in [0-2]\.\d s/);
    expect(stdout).toMatch(/node-\d was granted \d+ ms later, with a ttl of 2000 ms/);
    expect(stdout).not.toContain("\u001b");
    expectFits(stdout, 80);
    expect(code).toBe(0);
  });

  it("ends with two nodes on a Redis that the environment names, and leaves nothing locked there", async () => {
    await using given = await startGivenRedis();
    const { code, stdout, stderr } = await launchDemo(
      ["model-pool", "--nodes", "2", "--rounds", "2", "--ttl", "1000"],
      given.env,
    );
    expect(stderr).toBe("");
    expect(stdout).toContain(`Redis: ${given.place}, as the environment says`);
    expect(stdout).not.toContain(given.secret);
    expect(stdout).toContain("node-1 was granted");
    expect(code).toBe(0);
    const left = await given.keys();
    // What waiters and fencing tokens leave behind goes by itself.
    for (const { key, expiresIn } of left) {
      expect(key).toMatch(/^model-pool-[0-9a-f]{8}:\{models\}:(fence|liveness)$/);
      expect(expiresIn).toBeGreaterThan(0);
    }
    expect(left).not.toHaveLength(0);
  });

  it("interrupted by SIGINT it ends its processes", async () => {
    // In the middle: some hold, some wait, and the victim's lease has not ended yet.
    const { code, stdout } = await interruptDemo(
      ["model-pool", "--ttl", "10000"],
      /was killed; its lease/,
      "SIGINT",
    );
    expect(code).toBe(130);
    expect(stdout).toContain("Interrupted");
    expect(stdout).not.toContain("Verdict");
    expect(stdout).not.toContain("│");
  });
});

refusalSuite("model-pool", readOptions, [
  [["--nodes", "1"], "--nodes must be a whole number from 2 to 12"],
  [["--rounds", "many"], "--rounds must be a whole number from 2 to 20"],
  [["--ttl", "1\u001b"], '--ttl must be a whole number from 500 to 10000, got "1\\u{1b}"'],
  [["--models", "5"], "pnpm demo model-pool --help"],
]);

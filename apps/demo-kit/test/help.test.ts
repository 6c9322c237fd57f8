import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { discoverDemos } from "../src/discover.ts";
import { expectFits, launchDemo } from "../src/testing.ts";

const demos = await discoverDemos(fileURLToPath(new URL("../..", import.meta.url)));

describe.each(["80", "60"])("in %s columns", (COLUMNS) => {
  it.each(demos.map(({ name }) => name))("the help of %s fits", async (name) => {
    const { code, stdout, stderr } = await launchDemo([name, "--help"], { COLUMNS });
    expect(stderr).toBe("");
    expectFits(stdout, Number(COLUMNS));
    expect(stdout).toContain(`\n  pnpm demo ${name} [options]\n`);
    expect(code).toBe(0);
  });

  it.each(["--help", "-h", "--list"])("the list that %s asks for fits", async (flag) => {
    const { code, stdout } = await launchDemo([flag], { COLUMNS });
    expectFits(stdout, Number(COLUMNS));
    for (const { name } of demos) expect(stdout).toContain(`\n  pnpm demo ${name} `);
    expect(code).toBe(0);
  });
});

it("help and lists come without a build, which could not be done here", async () => {
  for (const args of [["keeper", "--help"], ["--list"]]) {
    const { code, stderr } = await launchDemo(["--build", ...args], { PATH: "" });
    expect([code, stderr]).toEqual([0, ""]);
  }
  expect(await launchDemo(["--build", "keeper"], { PATH: "" })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("the packages cannot be built"),
  });
});

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { discoverDemos } from "../src/discover.ts";
import { run } from "../src/launcher.ts";
import { expectFits, interruptLauncher, runLauncher } from "../src/testing.ts";

const APPS = fileURLToPath(new URL("../..", import.meta.url));
const demos = await discoverDemos(APPS);

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** What the launcher prints where nothing may be built, and its exit code. */
async function runHere(args: readonly string[], columns = "80") {
  vi.stubEnv("COLUMNS", columns);
  let stdout = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  const build = () => Promise.reject(new Error("nothing is to be built"));
  try {
    return { code: await run(APPS, args, build, new AbortController().signal), stdout };
  } finally {
    vi.restoreAllMocks();
  }
}

describe.each(["80", "60"])("in %s columns", (columns) => {
  it.each(demos.map(({ name }) => name))("the help of %s fits, and comes without a build", async (name) => {
    for (const flag of ["--help", "-h"]) {
      const { code, stdout } = await runHere([name, flag], columns);
      expectFits(stdout, Number(columns));
      expect(stdout).toContain(`\n  pnpm demo ${name} [options]\n`);
      expect(code).toBe(0);
    }
  });

  it.each(["--help", "-h", "--list"])("the list that %s asks for fits", async (flag) => {
    const { code, stdout } = await runHere([flag], columns);
    expectFits(stdout, Number(columns));
    for (const { name } of demos) expect(stdout).toContain(`\n  pnpm demo ${name} `);
    expect(code).toBe(0);
  });
});

it("lists the demos when there is none of that name", async () => {
  const error: unknown = await runHere(["shared\u001bfile"]).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    name: "DemoError",
    message: expect.stringContaining('there is no demo "shared\\u{1b}file"'),
  });
  expect(error).toMatchObject({ message: expect.stringContaining("pnpm demo shared-file") });
});

it("builds before a demo", async () => {
  await expect(runHere(["--", "keeper"])).rejects.toThrow("nothing is to be built");
});

describe.concurrent("pnpm demo", () => {
  it("prints help in 60 columns without a build, which could not be done here", async () => {
    const env = { PATH: "", COLUMNS: "60" };
    const { code, stdout, stderr } = await runLauncher(["--build", "keeper", "--help"], env);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("\n  pnpm demo keeper [options]\n");
    expectFits(stdout, 60);
  });

  it("ends with exit code 1 when it cannot build", async () => {
    expect(await runLauncher(["--build", "keeper"], { PATH: "" })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("the demo cannot be built"),
    });
  });

  it.each([
    ["SIGINT", 130],
    ["SIGKILL", null],
  ] as const)("ended by %s, it leaves no demo behind", async (signal, exitCode) => {
    const args = ["express-orders", "--serve"];
    const { code, stdout } = await interruptLauncher(args, /Ctrl-C ends the demo/, signal);
    expect(code).toBe(exitCode);
    expect(stdout).toContain("Interrupted");
    expect(stdout).not.toContain("│");
    const [, ledger = ""] = /Ledger: (.+), removed/.exec(stdout) ?? [];
    expect(ledger).toContain("ledger.csv");
    expect(existsSync(ledger)).toBe(false);
  });
});

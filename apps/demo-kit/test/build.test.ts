import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { buildPackage } from "../src/build.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const WORKSPACE = { name: "root", private: true, packageManager: "npm@10.0.0", workspaces: ["packages/*"] };
const LOCK = { name: "root", lockfileVersion: 3, packages: {} };
/** Turbo, npm and this machine may be slow together. */
const LIMIT_MS = 60_000;

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lock-build-"));
  await mkdir(join(root, "packages", "part"), { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(root, "node_modules"));
  await cp(join(ROOT, "turbo.json"), join(root, "turbo.json"));
  await write("package.json", JSON.stringify(WORKSPACE));
  await write("package-lock.json", JSON.stringify(LOCK));
  await write(
    "packages/part/package.json",
    JSON.stringify({ name: "part", scripts: { build: "node src/build.mjs" } }),
  );
  await mkdir(join(root, "packages/part/src"));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(root, { recursive: true });
});

const write = (path: string, text: string) => writeFile(join(root, path), text);

/** What a build prints, and the error that it ends with. */
async function build(): Promise<{ stdout: string; stderr: string; error: unknown }> {
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    });
  }
  const error = await buildPackage(root, "packages/part", new AbortController().signal).catch(
    (error: unknown) => error,
  );
  vi.restoreAllMocks();
  return { ...printed, error };
}

it("says that it builds, and nothing when nothing is to be built", { timeout: LIMIT_MS }, async () => {
  await write("packages/part/src/build.mjs", "console.log('noise')");
  expect(await build()).toEqual({ stdout: "building the demo ...\n", stderr: "", error: undefined });
  expect(await build()).toEqual({ stdout: "", stderr: "", error: undefined });
});

it("prints what a build says that fails", { timeout: LIMIT_MS }, async () => {
  await write("packages/part/src/build.mjs", "console.error('src/a.ts(35,7): no good'); process.exit(1)");
  const { stdout, stderr, error } = await build();
  expect(stdout).toBe("building the demo ...\n");
  expect(stderr).toContain("part:build: src/a.ts(35,7): no good\n");
  expect(stderr).not.toMatch(/turbo|cache/);
  expect(error).toMatchObject({ name: "DemoError", message: expect.stringContaining("cannot be built") });
});

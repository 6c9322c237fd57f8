import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
let consumer: string;

/** A project that has nothing of ours but the tarball that would be published. */
beforeAll(async () => {
  consumer = await realpath(await mkdtemp(join(tmpdir(), "lock-consumer-")));
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", consumer], { cwd: root });
  const [tarball] = (await readdir(consumer)).filter((name) => name.endsWith(".tgz"));
  const installed = join(consumer, "node_modules/@lock/core");
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", join(consumer, tarball ?? ""), "--strip-components=1", "-C", installed]);
  for (const peer of ["ioredis", "ioredis5", "redis", "redis5", "@types/node"]) {
    const link = join(consumer, "node_modules", peer);
    await mkdir(dirname(link), { recursive: true });
    await symlink(await realpath(join(root, "node_modules", peer)), link);
  }
  await cp(join(root, "test/consumer"), consumer, { recursive: true });
  await cp(join(consumer, "typescript.mts"), join(consumer, "typescript.cts"));
});

afterAll(() => rm(consumer, { recursive: true, force: true }));

it.each(["javascript.mjs", "javascript.cjs"])("the packed tarball runs: %s", async (file) => {
  const { stdout } = await run(process.execPath, [join(consumer, file)]);
  expect(stdout).toMatch(/(esm|cjs) works/);
});

it.each([
  { file: "typescript.mts", module: "Node16", moduleResolution: "Node16" },
  { file: "typescript.cts", module: "Node16", moduleResolution: "Node16" },
  { file: "typescript.mts", module: "ESNext", moduleResolution: "Bundler" },
])("the packed tarball type-checks: $file, $moduleResolution", async ({ file, module, moduleResolution }) => {
  const config = join(consumer, `tsconfig.${file}.${moduleResolution}.json`);
  const compilerOptions = {
    target: "ES2022",
    lib: ["ES2023", "ESNext.Disposable"],
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    noEmit: true,
    module,
    moduleResolution,
  };
  await writeFile(config, JSON.stringify({ compilerOptions, files: [file] }));
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const { stdout } = await run(process.execPath, [tsc, "-p", config]).catch(
    (error) => error as { stdout: string },
  );
  expect(stdout).toBe("");
});

it("carries its licence and README, no source, no test, and no runtime dependency", async () => {
  const installed = join(consumer, "node_modules/@lock/core");
  expect((await readdir(installed)).toSorted()).toEqual(["LICENSE", "README.md", "dist", "package.json"]);
  const manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8")) as Record<
    string,
    unknown
  >;
  expect(manifest.dependencies).toBeUndefined();
});

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);

/** What a package's users have beside it. */
export interface PackedSuiteOptions {
  /** The package's directory; what a user would write is in its `test/consumer`. */
  readonly root: string;
  /** Packages of ours that it needs, which are packed as well: their directories. */
  readonly ours?: readonly string[];
  /** Packages that its users install, by their name in its node_modules, and by the name that users know them by. */
  readonly installed: Readonly<Record<string, string>>;
  /** What is in the tarball beside README, licence and dist. */
  readonly alsoPacked?: readonly string[];
  /** A title for what is installed, where it is tested with more than one. */
  readonly title?: string;
}

/** Tests the tarball that would be published: it runs and type-checks as {ESM, CommonJS} x {JavaScript, TypeScript}. */
export function packedSuite({
  root,
  ours = [],
  installed,
  alsoPacked = [],
  title = "",
}: PackedSuiteOptions): void {
  describe(`the packed tarball ${title}`.trim(), () => {
    let consumer: string;
    let place: string;

    /** A project that has nothing of ours but tarballs. */
    beforeAll(async () => {
      consumer = await realpath(await mkdtemp(join(tmpdir(), "lock-consumer-")));
      for (const directory of ours) await install(directory, consumer);
      place = await install(root, consumer);
      for (const [from, to] of Object.entries(installed)) {
        const link = join(consumer, "node_modules", to);
        await mkdir(dirname(link), { recursive: true });
        await symlink(await realpath(join(root, "node_modules", from)), link);
      }
      await cp(join(root, "test/consumer"), consumer, { recursive: true });
      await cp(join(consumer, "typescript.mts"), join(consumer, "typescript.cts"));
    });

    afterAll(() => rm(consumer, { recursive: true, force: true }));

    it.each(["javascript.mjs", "javascript.cjs"])("runs: %s", async (file) => {
      const { stdout } = await run(process.execPath, [join(consumer, file)]);
      expect(stdout).toMatch(/(esm|cjs) works/);
    });

    it.each([
      { file: "typescript.mts", module: "Node16", moduleResolution: "Node16" },
      { file: "typescript.cts", module: "Node16", moduleResolution: "Node16" },
      { file: "typescript.mts", module: "ESNext", moduleResolution: "Bundler" },
    ])("type-checks: $file, $moduleResolution", async ({ file, module, moduleResolution }) => {
      const compilerOptions = { ...COMPILER_OPTIONS, module, moduleResolution };
      expect(await typeCheck(consumer, file, compilerOptions)).toBe("");
    });

    it("carries its licence and README, no source, no test, and no runtime dependency", async () => {
      const expected = ["LICENSE", "README.md", "dist", "package.json", ...alsoPacked];
      expect((await readdir(place)).toSorted()).toEqual(expected.toSorted());
      const manifest = await manifestOf(place);
      expect(manifest.dependencies).toBeUndefined();
    });
  });
}

const COMPILER_OPTIONS = {
  target: "ES2022",
  lib: ["ES2023", "ESNext.Disposable"],
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  noEmit: true,
};

/** Packs a package, and unpacks it where npm would. */
async function install(directory: string, consumer: string): Promise<string> {
  const target = await mkdtemp(join(consumer, "pack-"));
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", target], { cwd: directory });
  const [tarball = ""] = await readdir(target);
  const place = join(consumer, "node_modules", String((await manifestOf(directory)).name));
  await mkdir(place, { recursive: true });
  await run("tar", ["-xzf", join(target, tarball), "--strip-components=1", "-C", place]);
  return place;
}

async function manifestOf(directory: string): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse(await readFile(join(directory, "package.json"), "utf8"));
}

/** What the compiler says: nothing, where all is well. */
async function typeCheck(consumer: string, file: string, compilerOptions: object): Promise<string> {
  const config = join(consumer, `tsconfig.${Math.random().toString(36).slice(2)}.json`);
  await writeFile(config, JSON.stringify({ compilerOptions, files: [file] }));
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const { stdout } = await run(process.execPath, [tsc, "-p", config]).catch(
    (error) => error as { stdout: string },
  );
  return stdout;
}

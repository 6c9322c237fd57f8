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
      const typescript = await readFile(join(consumer, "typescript.mts"), "utf8");
      const entries = importsOf(await manifestOf(root));
      for (const extension of ["mts", "cts", "ts"]) {
        await writeFile(join(consumer, `typescript.${extension}`), typescript);
        await writeFile(join(consumer, `entries.${extension}`), entries);
      }
    });

    afterAll(() => rm(consumer, { recursive: true, force: true }));

    it.each(["javascript.mjs", "javascript.cjs"])("runs: %s", async (file) => {
      const { stdout } = await run(process.execPath, [join(consumer, file)]);
      expect(stdout).toMatch(/(esm|cjs) works/);
    });

    it.each(RESOLUTIONS)("type-checks, all entries: $extension, $moduleResolution", async (resolution) => {
      const { extension, ...options } = resolution;
      const files = [`typescript.${extension}`, `entries.${extension}`];
      expect(await typeCheck(consumer, files, { ...COMPILER_OPTIONS, ...options })).toBe("");
    });

    it("carries its licence and README, no source, no test, and no runtime dependency", async () => {
      const expected = ["LICENSE", "README.md", "dist", "package.json", ...alsoPacked];
      expect((await readdir(place)).toSorted()).toEqual(expected.toSorted());
      const manifest = await manifestOf(place);
      expect(manifest.dependencies).toBeUndefined();
    });
  });
}

/** How TypeScript finds a package. Node10 is what `"module": "commonjs"` meant before TypeScript 6, which warns of it. */
const RESOLUTIONS = [
  { extension: "mts", module: "Node16", moduleResolution: "Node16" },
  { extension: "cts", module: "Node16", moduleResolution: "Node16" },
  { extension: "mts", module: "NodeNext", moduleResolution: "NodeNext" },
  { extension: "cts", module: "NodeNext", moduleResolution: "NodeNext" },
  { extension: "ts", module: "ESNext", moduleResolution: "Bundler" },
  { extension: "ts", module: "CommonJS", moduleResolution: "Node10", ignoreDeprecations: "6.0" },
];

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

/** A file that imports each entry of a package, and says of none that it is nothing. */
function importsOf({ name, exports }: Readonly<Record<string, unknown>>): string {
  const entries = Object.keys(Object(exports)).filter((entry) => entry !== "./package.json");
  return entries
    .map((entry, index) => `export * as entry${index} from "${name}${entry.slice(1)}";`)
    .join("\n");
}

async function manifestOf(directory: string): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse(await readFile(join(directory, "package.json"), "utf8"));
}

/** What the compiler says: nothing, where all is well. */
async function typeCheck(
  consumer: string,
  files: readonly string[],
  compilerOptions: object,
): Promise<string> {
  const config = join(consumer, `tsconfig.${Math.random().toString(36).slice(2)}.json`);
  await writeFile(config, JSON.stringify({ compilerOptions, files }));
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const { stdout } = await run(process.execPath, [tsc, "-p", config]).catch(
    (error) => error as { stdout: string },
  );
  return stdout;
}

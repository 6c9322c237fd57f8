import { execFile } from "node:child_process";
import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { beforeAll, describe, expect, it } from "vitest";
import { type Consumer, type Consumers, manifestOf } from "./consumer.ts";

export { type Consumer, Consumers } from "./consumer.ts";

const run = promisify(execFile);

/** A package as one of its users has it. */
export interface PackedCase {
  /** Such as `express, with Express 4`. */
  readonly title: string;
  /** The package's directory; what a user would write is in its `test/consumer`. */
  readonly root: string;
  /** Packages of ours that it needs, which are packed as well: their directories. */
  readonly ours?: readonly string[];
  /** Packages that its users install, by their name in its node_modules, and by the name that users know them by. */
  readonly installed: Readonly<Record<string, string>>;
  /** What is in the tarball beside README, licence and dist. */
  readonly alsoPacked?: readonly string[];
}

interface Installed {
  readonly consumer: Consumer;
  /** Where the package is unpacked. */
  readonly place: string;
}

/** Tests the tarballs that would be published: they run and type-check as {ESM, CommonJS} x {JavaScript, TypeScript}. */
export function packedSuite(open: () => Consumers, cases: readonly PackedCase[]): void {
  const installed = new Map<PackedCase, Installed>();
  const of = (each: PackedCase): Installed => {
    const found = installed.get(each);
    if (found === undefined) throw new Error(`${each.title} is not installed`);
    return found;
  };

  beforeAll(async () => {
    const consumers = open();
    const all = cases.map(async (each) => installed.set(each, await install(consumers, each)));
    await Promise.all(all);
  });

  describe.each(cases)("the packed tarball of $title", (each) => {
    it.each(["javascript.mjs", "javascript.cjs"])("runs: %s", async (file) => {
      const { stdout } = await run(process.execPath, [join(of(each).consumer.folder, file)]);
      expect(stdout).toMatch(/(esm|cjs) works/);
    });

    it("carries its licence and README, no source, no test, and no runtime dependency", async () => {
      const { place } = of(each);
      const expected = ["LICENSE", "README.md", "dist", "package.json", ...(each.alsoPacked ?? [])];
      expect((await readdir(place)).toSorted()).toEqual(expected.toSorted());
      const manifest = await manifestOf(place);
      expect(manifest.dependencies).toBeUndefined();
    });
  });

  it.each([...new Set(cases.map(({ root }) => root))])(
    "arethetypeswrong.github.io has nothing to say of the tarball of %s",
    async (root) => {
      const tarball = await readFile(await open().tarballOf(root));
      const checked = await checkPackage(createPackageFromTarballData(tarball));
      expect(checked).toMatchObject({ types: { kind: "included" }, problems: [] });
    },
  );

  it.each(RESOLUTIONS)("all tarballs type-check, by all entries: $moduleResolution", (resolution) => {
    const { extensions, ...options } = resolution;
    const projects = [...installed.values()].map(({ consumer }) => consumer.name);
    const files = projects.flatMap((name) =>
      extensions.flatMap((extension) => FILES.map((file) => `${name}/${file}.${extension}`)),
    );
    expect(files).toHaveLength(cases.length * FILES.length * extensions.length);
    expect(open().typeCheck(files, { ...COMPILER_OPTIONS, ...options })).toBe("");
  });
}

const FILES = ["typescript", "entries"];

async function install(
  consumers: Consumers,
  { title, root, ours = [], installed }: PackedCase,
): Promise<Installed> {
  const consumer = await consumers.add(title.replaceAll(/\W+/g, "-"));
  for (const directory of ours) await consumer.install(directory);
  const place = await consumer.install(root);
  for (const [from, to] of Object.entries(installed)) await consumer.link(root, from, to);
  await cp(join(root, "test/consumer"), consumer.folder, { recursive: true });
  const typescript = await readFile(join(consumer.folder, "typescript.mts"), "utf8");
  const entries = importsOf(await manifestOf(root));
  for (const extension of ["mts", "cts", "ts"]) {
    await consumer.write(`typescript.${extension}`, typescript);
    await consumer.write(`entries.${extension}`, entries);
  }
  return { consumer, place };
}

/** How TypeScript finds a package. Node10 is what `"module": "commonjs"` meant before TypeScript 6, which warns of it. */
const RESOLUTIONS = [
  { extensions: ["mts", "cts"], module: "Node16", moduleResolution: "Node16" },
  { extensions: ["mts", "cts"], module: "NodeNext", moduleResolution: "NodeNext" },
  { extensions: ["ts"], module: "ESNext", moduleResolution: "Bundler" },
  { extensions: ["ts"], module: "CommonJS", moduleResolution: "Node10", ignoreDeprecations: "6.0" },
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

/** A file that imports every entry of a package. */
function importsOf({ name, exports }: Readonly<Record<string, unknown>>): string {
  const entries = Object.keys(Object(exports)).filter((entry) => entry !== "./package.json");
  return entries
    .map((entry, index) => `export * as entry${index} from "${name}${entry.slice(1)}";`)
    .join("\n");
}

import { execFile } from "node:child_process";
import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Consumer, manifestOf } from "./consumer.ts";

export { Consumer } from "./consumer.ts";

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
    let consumer: Consumer;
    let place: string;

    beforeAll(async () => {
      consumer = await Consumer.open();
      for (const directory of ours) await consumer.install(directory);
      place = await consumer.install(root);
      for (const [from, to] of Object.entries(installed)) await consumer.link(root, from, to);
      await cp(join(root, "test/consumer"), consumer.folder, { recursive: true });
      const typescript = await readFile(join(consumer.folder, "typescript.mts"), "utf8");
      const entries = importsOf(await manifestOf(root));
      for (const extension of ["mts", "cts", "ts"]) {
        await consumer.write(`typescript.${extension}`, typescript);
        await consumer.write(`entries.${extension}`, entries);
      }
    });

    afterAll(() => consumer[Symbol.asyncDispose]());

    it.each(["javascript.mjs", "javascript.cjs"])("runs: %s", async (file) => {
      const { stdout } = await run(process.execPath, [join(consumer.folder, file)]);
      expect(stdout).toMatch(/(esm|cjs) works/);
    });

    it.each(RESOLUTIONS)("type-checks, all entries: $extension, $moduleResolution", async (resolution) => {
      const { extension, ...options } = resolution;
      const files = [`typescript.${extension}`, `entries.${extension}`];
      expect(await consumer.typeCheck(files, { ...COMPILER_OPTIONS, ...options })).toBe("");
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

/** A file that imports every entry of a package. */
function importsOf({ name, exports }: Readonly<Record<string, unknown>>): string {
  const entries = Object.keys(Object(exports)).filter((entry) => entry !== "./package.json");
  return entries
    .map((entry, index) => `export * as entry${index} from "${name}${entry.slice(1)}";`)
    .join("\n");
}

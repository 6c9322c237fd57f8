import { execFile } from "node:child_process";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);
const core = fileURLToPath(new URL("..", import.meta.url));
const root = fileURLToPath(new URL("../../..", import.meta.url));
/** Within the package, so that the snippets find it and its clients as a user's code would. */
const folder = `${core}node_modules/.cache/docs`;

/** What the opening lines of the README take as given. */
const GIVEN = `import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import type { Redis } from "ioredis";
declare const redis: Redis;
declare const order: { id: number };
declare function charge(of: typeof order, options: { signal: AbortSignal; fence: number }): Promise<void>;
`;

const pages = [
  "README.md",
  "packages/core/README.md",
  "docs/extending.md",
  "docs/errors.md",
  "docs/guarantees.md",
];

it("every TypeScript snippet of the documentation compiles", async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const files: string[] = [];
  for (const page of pages) {
    const blocks = (await readFile(root + page, "utf8")).matchAll(/```ts\n(.*?)```/gs);
    for (const [, code = ""] of blocks) {
      const file = `${folder}/${page.replaceAll("/", "-")}.${files.length}.ts`;
      await writeFile(file, `${code.includes("import ") ? "" : GIVEN}${code}\nexport {};\n`);
      files.push(file);
    }
  }
  expect(files.length).toBeGreaterThan(5);
  const compilerOptions = { noEmit: true, noUnusedLocals: false, allowUnreachableCode: true };
  await writeFile(
    `${folder}/tsconfig.json`,
    JSON.stringify({ extends: `${root}tsconfig.base.json`, compilerOptions, files }),
  );
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const { stdout } = await run(process.execPath, [tsc, "-p", folder]).catch(
    (error) => error as { stdout: string },
  );
  expect(stdout).toBe("");
});

it("every link of the documentation to a file of the repository leads somewhere", async () => {
  const lost: string[] = [];
  for (const page of [...pages, "CONTRIBUTING.md", "docs/architecture.md", "bench/README.md"]) {
    for (const [, link = ""] of (await readFile(root + page, "utf8")).matchAll(
      /\]\(([^)#:]+)(?:#[^)]*)?\)/g,
    )) {
      const target = new URL(link, `file://${root}${page}`);
      await stat(target).catch(() => lost.push(`${page}: ${link}`));
    }
  }
  expect(lost).toEqual([]);
});

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { expect, it } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const core = `${root}packages/core/`;
/** As `pnpm check:typecheck` has it. What is published is compiled by the stable one: see packages.test.ts. */
const COMPILER = `${root}node_modules/typescript-native/bin/tsc`;

/** What the opening lines of the READMEs take as given. */
const GIVEN_CORE = `import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import type { Redis } from "ioredis";
declare const redis: Redis;
declare const order: { id: number };
declare function charge(of: typeof order, options: { signal: AbortSignal; fence: number }): Promise<void>;
`;
const GIVEN_BULLMQ = `import { guardJobs } from "@lock/bullmq";
import type { Queue } from "bullmq";
declare const queue: Queue;
declare const locks: import("@lock/core").Locks;
`;
const GIVEN_MEMORY = `import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { lockMemory } from "@lock/memory";
import type { Redis } from "ioredis";
import type { Pool } from "pg";
declare const redis: Redis;
declare const pool: Pool;
declare function model(history: readonly object[], input: string, signal: AbortSignal): Promise<string>;
`;

/** Pages, by the package within which their snippets find what a user's code would find. */
const books = [
  {
    within: core,
    given: GIVEN_CORE,
    pages: [
      "README.md",
      "packages/core/README.md",
      "docs/which-lock.md",
      "docs/recipes.md",
      "docs/extending.md",
      "docs/errors.md",
      "docs/guarantees.md",
      "docs/health.md",
    ],
  },
  {
    within: `${root}packages/express/`,
    given: "",
    pages: ["packages/express/README.md", "packages/express/help/IDEMPOTENCY_PAYLOAD_NOT_SEEN.md"],
  },
  { within: `${root}packages/otel/`, given: "", pages: ["packages/otel/README.md"] },
  { within: `${root}packages/bullmq/`, given: GIVEN_BULLMQ, pages: ["packages/bullmq/README.md"] },
  // Its snippets show their imports.
  { within: `${root}packages/memory/`, given: "", pages: ["packages/memory/README.md"] },
  { within: `${root}packages/memory/`, given: GIVEN_MEMORY, pages: ["docs/fencing-a-store.md"] },
];

/** A page whose later snippets use what its first one defines. It runs in packages/memory/test/postgres.test.ts. */
const CONTINUED = "docs/fencing-a-store.md";

/** Pages whose snippets run as they stand behind their first one. */
const RUNNABLE = ["docs/which-lock.md", "docs/recipes.md"];

async function snippetsOf(page: string, given = ""): Promise<string[]> {
  const blocks = [...(await readFile(root + page, "utf8")).matchAll(/```ts\n(.*?)```/gs)];
  const [prologue = "", ...others] = blocks.map(([, code = ""]) => code);
  if (RUNNABLE.includes(page)) return others.map((code) => `${prologue}\n${code}`);
  if (page === CONTINUED) return [prologue, ...others.map((code) => `${given}${prologue}\n${code}`)];
  return [prologue, ...others].map((code) => `${code.includes("import ") ? "" : given}${code}`);
}

it("every TypeScript snippet of all pages compiles", async () => {
  const files: string[] = [];
  const folderOf = (within: string) => `${within}node_modules/.cache/docs`;
  for (const { within } of books) await rm(folderOf(within), { recursive: true, force: true });
  for (const { within, given, pages } of books) {
    const folder = folderOf(within);
    await mkdir(folder, { recursive: true });
    for (const page of pages) {
      const snippets = await snippetsOf(page, given);
      expect(snippets, page).not.toHaveLength(0);
      for (const code of snippets) {
        const file = `${folder}/${page.replaceAll("/", "-")}.${files.length}.ts`;
        await writeFile(file, `${code}\nexport {};\n`);
        files.push(file);
      }
    }
  }
  const project = `${folderOf(core)}/tsconfig.json`;
  const loose = { noUnusedLocals: false, noUnusedParameters: false, allowUnreachableCode: true };
  const compilerOptions = { ...loose, noEmit: true };
  await writeFile(project, JSON.stringify({ extends: `${root}tsconfig.base.json`, compilerOptions, files }));
  const complaint = await run(process.execPath, [COMPILER, "-p", project]).then(
    ({ stdout }) => stdout,
    // A compiler that could not run says nothing on stdout.
    ({ stdout, message }) => stdout || message,
  );
  expect(complaint).toBe("");
});

it.each(RUNNABLE)("every snippet of %s runs", async (page) => {
  const snippets = await snippetsOf(page);
  expect(snippets.length).toBeGreaterThan(7);
  // Within the package, but not in node_modules: only there may a package import itself by its name.
  const place = await mkdtemp(`${core}.docs-`);
  try {
    const ends = snippets.map(async (code, index) => {
      const file = `${place}/snippet-${index}.mjs`;
      const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
      await writeFile(file, ts.transpileModule(code, { compilerOptions }).outputText);
      const { REDIS_URL: _, ...env } = process.env;
      return run(process.execPath, [file], { timeout: 20_000, env });
    });
    for (const { stderr } of await Promise.all(ends)) expect(stderr).toBe("");
  } finally {
    await rm(place, { recursive: true, force: true });
  }
});

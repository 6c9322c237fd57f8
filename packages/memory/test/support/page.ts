import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = new URL("../../../../docs/fencing-a-store.md", import.meta.url);

interface Message {
  readonly role: string;
  readonly content: string;
}

interface PostgresMemory {
  getMessages(): Promise<Message[]>;
  append(messages: readonly Message[]): Promise<void>;
  clear(): Promise<void>;
  loadMemoryVariables(): Promise<{ history: Message[] }>;
  saveContext(inputs: { input: string }, outputs: { output: string }): Promise<void>;
}

/** What the example of the page takes as given. */
interface Given {
  readonly redis: unknown;
  readonly pool: unknown;
  model(history: Message[], input: string, signal: AbortSignal): Promise<string>;
}

/** What the TypeScript of the page is, once it runs. */
interface Code {
  readonly PostgresMemory: new (pool: unknown, sessionId: string) => PostgresMemory;
  readonly StaleWrite: new () => Error;
  example(given: Given): Promise<void>;
}

export interface Page {
  readonly sql: Readonly<Record<"addFence" | "update" | "tables" | "append", string>>;
  readonly code: Code;
}

/** The page on stores that refuse stale writes: what it shows, as it stands there. */
export async function openPage(): Promise<Page> {
  const text = await readFile(PAGE, "utf8");
  const [addFence, update, tables, append] = blocksOf(text, "sql", 4);
  const [memory, example] = blocksOf(text, "ts", 2);
  return { sql: { addFence, update, tables, append }, code: await load(memory, example) };
}

function blocksOf(text: string, language: "sql", count: 4): [string, string, string, string];
function blocksOf(text: string, language: "ts", count: 2): [string, string];
function blocksOf(text: string, language: string, count: number): string[] {
  const blocks = [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))].map(
    ([, block = ""]) => block,
  );
  if (blocks.length !== count) {
    throw new Error(`the page has ${blocks.length} blocks of ${language}, the test knows ${count}: adapt it`);
  }
  return blocks;
}

async function load(memory: string, example: string): Promise<Code> {
  const code = `
import { createLocks } from "@lock/core";
import { ioredisBackend } from "@lock/core/ioredis";
import { lockMemory } from "@lock/memory";
${memory}
export async function example({ redis, pool, model }) {
${example}
await locks.close();
}`;
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  // Within the package, but not in node_modules: only there may a package import itself by its name.
  const place = await mkdtemp(`${PACKAGE}.docs-`);
  try {
    const file = `${place}/page.mjs`;
    await writeFile(file, ts.transpileModule(code, { compilerOptions }).outputText);
    return await import(file);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

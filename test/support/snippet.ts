import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Consumer, Consumers } from "@lock/packed-suite";
import ts from "typescript";
import { parsePage } from "./markdown.ts";
import { read, root } from "./repository.ts";

/** The packages that are published: their folders in `packages/`. */
export const published = ["core", "express", "bullmq", "memory", "otel"];

/** The first snippet of a page in TypeScript. */
export function firstSnippet(page: string): string {
  const block = parsePage(read(page)).blocks.find(({ language }) => language === "ts");
  if (!block) throw new Error(`${page} has no block of code in \`ts\``);
  return `${block.code}\n`;
}

/** A project with the tarballs and the peers that a snippet imports, and the snippet as it stands. */
export async function copySnippet(consumers: Consumers, name: string, code: string): Promise<Consumer> {
  const consumer = await consumers.add(name);
  const imported = ts.preProcessFile(code).importedFiles.map(({ fileName }) => packageOf(fileName));
  for (const name of new Set(["@lock/core", ...imported])) {
    if (name.startsWith("@lock/"))
      await installOurs(consumer, `${root}packages/${name.slice("@lock/".length)}`);
    else if (!name.startsWith("node:")) await linkPeer(consumer, name);
  }
  await consumer.write("package.json", JSON.stringify({ type: "module", private: true }));
  await consumer.write("snippet.ts", code);
  return consumer;
}

/** With the peers that it always needs, which npm installs with it. */
async function installOurs(consumer: Consumer, folder: string): Promise<void> {
  await consumer.install(folder);
  const { peerDependencies = {}, peerDependenciesMeta = {} } = JSON.parse(
    await readFile(`${folder}/package.json`, "utf8"),
  );
  for (const peer of Object.keys(peerDependencies)) {
    if (!peer.startsWith("@lock/") && !peerDependenciesMeta[peer]?.optional) await linkPeer(consumer, peer);
  }
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

async function linkPeer(consumer: Consumer, name: string): Promise<void> {
  for (const each of [name, `@types/${name}`]) {
    const owner = published.find((folder) => existsSync(`${root}packages/${folder}/node_modules/${each}`));
    if (owner) await consumer.link(`${root}packages/${owner}`, each);
    else if (each === name) throw new Error(`no package here has ${name} installed`);
  }
}

/** What `here.mjs` and the end of a snippet tell. */
type Told =
  | { readonly kind: "redis" | "will listen" | "end" }
  | { readonly kind: "listens"; readonly port: number };

/**
 * Runs a snippet to its last line, with a Redis at its default address. Says what went wrong: it did not get there or
 * to Redis, what it listens on does not answer, or what it complained of.
 */
export async function runSnippet(
  consumer: Consumer,
  code: string,
  redis: { readonly port: number; readonly url: string },
): Promise<string> {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  await consumer.write("snippet.js", ts.transpileModule(code, { compilerOptions }).outputText);
  // A rejection that nothing handles ends the process before the next turn of its event loop.
  const main = 'await import("./snippet.js");\nsetImmediate(() => process.send({ kind: "end" }));\n';
  const { REDIS_URL: _, ...env } = process.env;
  const child = fork(await consumer.write("main.js", main), {
    execArgv: ["--import", new URL("here.mjs", import.meta.url).href],
    env: {
      ...env,
      TEST_REDIS_PORT: String(redis.port),
      ...(code.includes("REDIS_URL") && { REDIS_URL: redis.url }),
    },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const closed = once(child, "close");
  let complaints = "";
  child.stderr?.on("data", (data) => {
    complaints += data;
  });
  try {
    const told = await allOf(child, closed);
    if (!told.some(({ kind }) => kind === "end")) return `it ended before its last line. ${complaints}`;
    if (!told.some(({ kind }) => kind === "redis")) return `it never connected to Redis. ${complaints}`;
    for (const each of told) if (each.kind === "listens") await fetch(`http://127.0.0.1:${each.port}/`);
  } finally {
    child.kill();
    await closed;
  }
  return complaints;
}

/** What it tells, until that is all, or it ends. */
async function allOf(child: ChildProcess, closed: Promise<unknown>): Promise<readonly Told[]> {
  const told: Told[] = [];
  child.on("message", (message) => told.push(message as Told));
  let open = true;
  void closed.then(() => {
    open = false;
  });
  const has = (kind: Told["kind"]) => told.some((each) => each.kind === kind);
  const isAll = () => has("end") && has("redis") && has("will listen") === has("listens");
  while (open && !isAll()) await Promise.race([once(child, "message"), closed]);
  return told;
}

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { colours, demoRedis, libraryOf, print, runDemo } from "@lock/demo-kit";
import { STYLES, type Task } from "./messages.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { race } from "./race.ts";
import { printFile, printVerdict } from "./report.ts";
import { legend, Rows } from "./rows.ts";
import { printStory } from "./story.ts";
import { judge } from "./verdict.ts";

await runDemo(readOptions, HELP, demo);

async function demo(options: Options, stop: AbortSignal): Promise<number> {
  // Only the lock needs a Redis.
  await using redis = options.lock ? await demoRedis() : undefined;
  stop.throwIfAborted();
  await using shared = await newFile();
  const tasks = tasksFor(options, shared.path);
  printStory(options, shared.path, tasks);
  if (redis !== undefined) {
    print(`Redis: ${redis.description}\n`);
  }
  const rows = new Rows(options.writers, options.lock);
  print(`${legend(options.lock)}\n\n${colours.bold(rows.header)}`);
  await race(tasks, rows, redis?.env ?? {}, stop);
  const verdict = judge(await readFile(shared.path, "utf8"), options);
  printFile(verdict, options.lock);
  return printVerdict(verdict, options);
}

/** An empty file in a directory of its own, which goes with it. */
async function newFile(): Promise<AsyncDisposable & { readonly path: string }> {
  const directory = await mkdtemp(join(tmpdir(), "lock-demo-"));
  const path = join(directory, "shared.txt");
  await writeFile(path, "");
  const remove = () => rm(directory, { recursive: true, force: true });
  return { path, [Symbol.asyncDispose]: remove };
}

/** Two clients and two styles of code, and all four pairs of them: whatever they use, they keep each other out. */
function tasksFor({ lock, writers, turns }: Options, file: string): Task[] {
  return Array.from({ length: writers }, (_, index) => {
    const writer = index + 1;
    const style = STYLES[Math.floor(index / 2) % 2] ?? STYLES[0];
    return { writer, file, turns, lock: lock ? { client: libraryOf(writer), style } : undefined };
  });
}

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Profile, Summary } from "@lock/simulation";
import type { Block, Played } from "./block.ts";
import type { ResultsFile } from "./results.ts";

const SIZE = 250;

export interface BlocksOptions {
  readonly from: number;
  readonly to: number;
  readonly profile: Profile | undefined;
  readonly jobs: number;
  /** Whether no more blocks are begun when a history has failed. */
  readonly first: boolean;
  readonly results: ResultsFile;
  readonly say: (text: string) => void;
}

/** Plays a range of seeds by several processes, block by block; what was played before on this commit is not played again. */
export async function runBlocks(options: BlocksOptions): Promise<Summary> {
  const { from, to, profile, jobs, first, results, say } = options;
  const blocks: Block[] = [];
  for (let start = from; start <= to; start += SIZE) {
    const block = { from: start, to: Math.min(to, start + SIZE - 1), profile };
    if (!results.has(block)) blocks.push(block);
  }
  const started = performance.now();
  const known = results.summary(from, to).histories;
  const tell = () => {
    const { histories, failed } = results.summary(from, to);
    const perMinute = ((histories - known) / (performance.now() - started)) * 60_000;
    const wrong =
      failed.length === 0
        ? ""
        : `, ${failed.length} failed: ${failed
            .slice(0, 3)
            .map(({ seed }) => seed)
            .join(", ")}`;
    say(`${histories} of ${to - from + 1} histories, ${Math.round(perMinute)} a minute${wrong}\n`);
  };
  const queue = until(blocks, () => first && results.summary(from, to).failed.length > 0);
  await Promise.all(
    Array.from({ length: Math.min(jobs, blocks.length) }, () => playAll(queue, results, tell)),
  );
  return results.summary(from, to);
}

function* until(blocks: readonly Block[], isOver: () => boolean): Generator<Block> {
  for (const block of blocks) {
    if (isOver()) return;
    yield block;
  }
}

/** One process, which plays block after block. */
function playAll(queue: Iterator<Block>, results: ResultsFile, tell: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = fork(fileURLToPath(new URL("block.ts", import.meta.url)), {
      execArgv: ["--import", "tsx"],
    });
    let isDone = false;
    const next = () => {
      const { value, done } = queue.next();
      isDone = done === true;
      if (isDone) child.disconnect();
      else child.send(value as Block);
    };
    child.on("message", async (said: "ready" | Played) => {
      if (said !== "ready") {
        await results.add(said);
        tell();
      }
      next();
    });
    child.on("error", reject);
    child.on("exit", (code) => {
      if (isDone) resolve();
      else reject(new Error(`a process that plays histories ended with the code ${code}`));
    });
  });
}

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { emptySummary, merge, type Profile, type Summary } from "@lock/simulation";
import { keepResult } from "../keep-result.ts";
import type { Block, Played } from "./block.ts";

const FOLDER = fileURLToPath(new URL("../../../reports/", import.meta.url));
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

interface Kept {
  readonly version: 1;
  /** Of the core and the simulation, as they were played. */
  readonly tree: string;
  readonly node: string;
  readonly blocks: readonly Played[];
}

/** What was played, block by block: a long campaign can be cut short, and goes on. */
export class ResultsFile {
  readonly #blocks: Played[];
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly file: string,
    private readonly tree: string,
    blocks: readonly Played[],
  ) {
    this.#blocks = [...blocks];
  }

  static async open(profile: Profile | undefined): Promise<ResultsFile> {
    await mkdir(FOLDER, { recursive: true });
    const file = `${FOLDER}simulation${profile === undefined ? "" : `-${profile}`}.json`;
    const tree = await treeOf(["packages/core/src", "simulation/src"]);
    const kept = await read(file);
    return new ResultsFile(file, tree, kept?.tree === tree ? kept.blocks : []);
  }

  has({ from, to }: Block): boolean {
    return this.#blocks.some(({ block }) => block.from === from && block.to === to);
  }

  async add(played: Played): Promise<void> {
    this.#blocks.push(played);
    this.#blocks.sort((a, b) => a.block.from - b.block.from);
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  /** Of all blocks within a range. */
  summary(from: number, to: number): Summary {
    return this.#blocks
      .filter(({ block }) => block.from >= from && block.to <= to)
      .reduce((sum, { summary }) => merge(sum, summary), emptySummary());
  }

  /** Keeps what came of a range as the result that the documentation tells of. */
  async keepSummary(from: number, to: number): Promise<void> {
    const { failed, ...counts } = this.summary(from, to);
    const played = { tree: this.tree, node: process.version, from, to };
    await keepResult("simulation", { ...played, ...counts, failed });
  }

  async #write(): Promise<void> {
    const kept: Kept = { version: 1, tree: this.tree, node: process.version, blocks: this.#blocks };
    await writeFile(this.file, `${JSON.stringify(kept)}\n`);
  }
}

async function read(file: string): Promise<Kept | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Kept;
  } catch {
    return undefined;
  }
}

/** What git calls the contents of these folders, with changes that are not committed. */
async function treeOf(folders: readonly string[]): Promise<string> {
  const git = async (...args: string[]) => (await promisify(execFile)("git", args, { cwd: ROOT })).stdout;
  const trees = await Promise.all(folders.map((folder) => git("rev-parse", `HEAD:${folder}`)));
  const changes = await git("diff", "HEAD", "--", ...folders);
  return createHash("sha1")
    .update([...trees, changes].join("\n"))
    .digest("hex");
}

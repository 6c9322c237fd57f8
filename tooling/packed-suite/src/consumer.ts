import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { Compiler } from "./compiler.ts";

const run = promisify(execFile);
const NODE_TYPES = dirname(createRequire(import.meta.url).resolve("@types/node/package.json"));

/** Projects of users, side by side in one folder. None of them finds what another one has installed. */
export class Consumers implements AsyncDisposable {
  readonly #tarballs = new Map<string, Promise<string>>();
  readonly #compiler = new Compiler();

  private constructor(readonly folder: string) {}

  static async open(): Promise<Consumers> {
    const consumers = new Consumers(await realpath(await mkdtemp(join(tmpdir(), "lock-consumers-"))));
    await linkTo(NODE_TYPES, join(consumers.folder, "node_modules/@types/node"));
    return consumers;
  }

  /** An empty project, whose user has nothing of ours but tarballs, and the types of Node. */
  async add(name: string): Promise<Consumer> {
    const folder = join(this.folder, name);
    await mkdir(folder);
    return new Consumer(folder, (directory) => this.tarballOf(directory));
  }

  /** What the compiler says of files of the projects, all of them at once: nothing, where all is well. */
  typeCheck(files: readonly string[], compilerOptions: object): string {
    return this.#compiler.check(this.folder, files, compilerOptions);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  /** The package in a directory of ours, packed once. */
  tarballOf(directory: string): Promise<string> {
    const packed = this.#tarballs.get(directory) ?? pack(directory, this.folder);
    this.#tarballs.set(directory, packed);
    return packed;
  }
}

export class Consumer {
  readonly #pack: (directory: string) => Promise<string>;

  constructor(
    readonly folder: string,
    pack: (directory: string) => Promise<string>,
  ) {
    this.#pack = pack;
  }

  /** Its name among all projects. */
  get name(): string {
    return basename(this.folder);
  }

  /** Packs the package in a directory of ours, and unpacks it where npm would; answers where that is. */
  async install(directory: string): Promise<string> {
    const tarball = await this.#pack(directory);
    const place = join(this.folder, "node_modules", String((await manifestOf(directory)).name));
    await mkdir(place, { recursive: true });
    await run("tar", ["-xzf", tarball, "--strip-components=1", "-C", place]);
    return place;
  }

  /** Gives it a package of somebody else, that is installed in a directory of ours under a name that may differ. */
  link(directory: string, name: string, asName = name): Promise<void> {
    return linkTo(join(directory, "node_modules", name), join(this.folder, "node_modules", asName));
  }

  async write(file: string, text: string): Promise<string> {
    const path = join(this.folder, file);
    await writeFile(path, text);
    return path;
  }
}

export async function manifestOf(directory: string): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse(await readFile(join(directory, "package.json"), "utf8"));
}

async function pack(directory: string, within: string): Promise<string> {
  const target = await mkdtemp(join(within, "pack-"));
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", target], { cwd: directory });
  const [tarball = ""] = await readdir(target);
  return join(target, tarball);
}

async function linkTo(place: string, link: string): Promise<void> {
  await mkdir(dirname(link), { recursive: true });
  await symlink(await realpath(place), link);
}

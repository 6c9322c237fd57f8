import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** An empty project of a user, who has nothing of ours but tarballs. */
export class Consumer implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async open(): Promise<Consumer> {
    return new Consumer(await realpath(await mkdtemp(join(tmpdir(), "lock-consumer-"))));
  }

  /** Packs the package in a directory of ours, and unpacks it where npm would; answers where that is. */
  async install(directory: string): Promise<string> {
    const target = await mkdtemp(join(this.folder, "pack-"));
    await run("npm", ["pack", "--ignore-scripts", "--pack-destination", target], { cwd: directory });
    const [tarball = ""] = await readdir(target);
    const place = join(this.folder, "node_modules", String((await manifestOf(directory)).name));
    await mkdir(place, { recursive: true });
    await run("tar", ["-xzf", join(target, tarball), "--strip-components=1", "-C", place]);
    return place;
  }

  /** Gives it a package of somebody else, that is installed in a directory of ours under a name that may differ. */
  async link(directory: string, name: string, asName = name): Promise<void> {
    const link = join(this.folder, "node_modules", asName);
    await mkdir(dirname(link), { recursive: true });
    await symlink(await realpath(join(directory, "node_modules", name)), link);
  }

  async write(file: string, text: string): Promise<string> {
    const path = join(this.folder, file);
    await writeFile(path, text);
    return path;
  }

  /** What the compiler says of some files: nothing, where all is well. */
  async typeCheck(files: readonly string[], compilerOptions: object): Promise<string> {
    const name = `tsconfig.${Math.random().toString(36).slice(2)}.json`;
    const config = await this.write(name, JSON.stringify({ compilerOptions, files }));
    const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, "-p", config]).catch(
      (error) => error as { stdout: string },
    );
    return stdout;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

export async function manifestOf(directory: string): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse(await readFile(join(directory, "package.json"), "utf8"));
}

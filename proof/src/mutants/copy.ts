import { rmSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execute } from "./execute.ts";

/** What the package manager shares between all packages: only read, so the copy may share it, too. */
const STORE = ".pnpm";

/** A copy of the repository that may be broken. */
export interface Copy extends AsyncDisposable {
  readonly root: string;
  /** Plants a patch; false where it does not apply. */
  apply(patch: string): Promise<boolean>;
  /** Takes a patch out again. */
  revert(patch: string): Promise<void>;
}

/** Copies what Git knows or would add, as it stands now, to a folder for temporary files. */
export async function copyOf(root: string): Promise<Copy> {
  const copy = await mkdtemp(join(tmpdir(), "lock-mutants-"));
  const removeNow = () => rmSync(copy, { recursive: true, force: true });
  // For a process that is told to end.
  process.once("exit", removeNow);
  const remove = async () => {
    process.off("exit", removeNow);
    await rm(copy, { recursive: true, force: true });
  };
  try {
    const files = await filesOf(root);
    for (const file of files) await cp(join(root, file), join(copy, file), { verbatimSymlinks: true });
    const packages = files.filter((file) => file === "package.json" || file.endsWith("/package.json"));
    for (const file of packages) await shareModules(join(root, dirname(file)), join(copy, dirname(file)));
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    root: copy,
    apply: async (patch) => (await execute("git", ["apply", patch], { cwd: copy })).code === 0,
    revert: async (patch) => {
      const { code, output } = await execute("git", ["apply", "-R", patch], { cwd: copy });
      if (code !== 0) throw new Error(`${patch} cannot be taken out again: ${output}`);
    },
    [Symbol.asyncDispose]: remove,
  };
}

async function filesOf(root: string): Promise<string[]> {
  const list = async (...which: string[]) => {
    const { code, output } = await execute("git", ["ls-files", "-z", ...which], { cwd: root });
    if (code !== 0) throw new Error(`git ls-files failed: ${output}`);
    return output.split("\0").filter((file) => file !== "");
  };
  const deleted = new Set(await list("--deleted"));
  return (await list("--cached", "--others", "--exclude-standard")).filter((file) => !deleted.has(file));
}

/**
 * Gives a package of the copy its dependencies. What the package manager has linked is linked by relative paths: so a
 * package of the repository that another one uses is that of the copy.
 */
async function shareModules(from: string, to: string): Promise<void> {
  const names = await readdir(join(from, "node_modules")).catch((): string[] => []);
  for (const name of names) {
    const [source, target] = [join(from, "node_modules", name), join(to, "node_modules", name)];
    await mkdir(dirname(target), { recursive: true });
    if (name === STORE) await symlink(source, target);
    else if (name === ".bin" || !name.startsWith(".")) {
      await cp(source, target, { recursive: true, verbatimSymlinks: true });
    }
  }
}

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the repository is, with a slash at the end. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** Every file of the repository, by its path from the root; one that was deleted and not yet committed is none. */
export const files: ReadonlySet<string> = new Set(
  execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  })
    .split("\0")
    .filter((path) => path !== "" && existsSync(root + path)),
);

/** Every folder of the repository that has a file somewhere within it. */
export const folders: ReadonlySet<string> = new Set([...files].flatMap(foldersAbove));

/** Every Markdown page of the repository. */
export const pages: readonly string[] = [...files].filter((path) => path.endsWith(".md")).toSorted();

export function read(path: string): string {
  return readFileSync(root + path, "utf8");
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === "." ? [] : [folder, ...foldersAbove(folder)];
}

import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { globbySync } from "globby";

/** Where the repository is, with a slash at the end. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** Every file of the repository that Git does not ignore, by its path from the root. */
export const files: ReadonlySet<string> = new Set(
  globbySync("**", { cwd: root, dot: true, gitignore: true, ignore: [".git", "**/node_modules"] }).toSorted(),
);

/** Every folder of the repository that has a file somewhere within it. */
export const folders: ReadonlySet<string> = new Set([...files].flatMap(foldersAbove));

/** Every Markdown page of the repository. */
export const pages: readonly string[] = [...files].filter((path) => path.endsWith(".md"));

export function read(path: string): string {
  return readFileSync(root + path, "utf8");
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === "." ? [] : [folder, ...foldersAbove(folder)];
}

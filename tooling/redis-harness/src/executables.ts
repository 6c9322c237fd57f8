import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** The directories of PATH. */
export function searchPath(): string[] {
  return (process.env.PATH ?? "").split(delimiter).filter((directory) => directory !== "");
}

export function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

export async function isOnPath(name: string): Promise<boolean> {
  const hits = await Promise.all(searchPath().map((directory) => isExecutable(join(directory, name))));
  return hits.includes(true);
}

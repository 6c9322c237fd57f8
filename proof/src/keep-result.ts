import { mkdir, writeFile } from "node:fs/promises";

const FOLDER = new URL("../results/", import.meta.url);

/** Keeps what came of a campaign in `results/`, which the documentation tells of. */
export async function keepResult(name: string, result: object): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  await writeFile(
    new URL(`${name}.json`, FOLDER),
    `${JSON.stringify({ version: 1, ...result }, undefined, 2)}\n`,
  );
}

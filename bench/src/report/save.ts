import { mkdir, writeFile } from "node:fs/promises";

const FILE = new URL("../../results/latest.json", import.meta.url);

/** Writes the run for machines to read. */
export async function save(run: object): Promise<string> {
  await mkdir(new URL(".", FILE), { recursive: true });
  await writeFile(FILE, `${JSON.stringify(run, null, 2)}\n`);
  return "bench/results/latest.json";
}

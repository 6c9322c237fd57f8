import { readFile } from "node:fs/promises";

const HEADING = /^## +(\S+)[ \t]*$/gm;

/**
 * The mutants that no test can find, and why: in the file each is a heading `## slug` with its argument below.
 * @throws Error where an argument is missing
 */
export async function readEquivalent(file: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(file, "utf8").catch(() => "");
  const [, ...parts] = text.split(HEADING);
  const found = new Map<string, string>();
  for (let index = 0; index < parts.length; index += 2) {
    const [slug = "", argument = ""] = [parts[index], parts[index + 1]?.trim()];
    if (argument === "") throw new Error(`${slug} is called equivalent without an argument`);
    found.set(slug, argument);
  }
  return found;
}

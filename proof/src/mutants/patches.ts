import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** What promises a mutant may break; each is a folder of patches. */
export const CLASSES = ["validity", "ownership", "queue", "fence", "undo"] as const;

export type MutantClass = (typeof CLASSES)[number];

/** A fault that is planted to see whether a test finds it. */
export interface Mutant {
  readonly slug: string;
  readonly class: MutantClass;
  readonly title: string;
  /** The promise, in a few words. */
  readonly breaks: string;
  /** In what situation a user would notice. */
  readonly noticed: string;
  /** The patch, for `git apply` in the root. */
  readonly file: string;
  /** What it changes, by paths from the root. */
  readonly changes: readonly string[];
}

const FIELD = /^(Title|Class|Breaks|Noticed): (.+)$/gm;
const CHANGED = /^\+\+\+ b\/(\S+)$/gm;

/** Reads the patches of `folder`, class by class. @throws Error where one has no complete header */
export async function readMutants(folder: string): Promise<readonly Mutant[]> {
  const mutants: Mutant[] = [];
  for (const group of CLASSES) {
    const files = await readdir(join(folder, group)).catch((): string[] => []);
    for (const file of files.filter((name) => name.endsWith(".patch")).sort()) {
      mutants.push(await readMutant(join(folder, group, file), group));
    }
  }
  return mutants;
}

async function readMutant(file: string, group: MutantClass): Promise<Mutant> {
  const text = await readFile(file, "utf8");
  const header = text.slice(0, Math.max(0, text.indexOf("\ndiff --git ")));
  const fields = new Map([...header.matchAll(FIELD)].map(([, name = "", value = ""]) => [name, value]));
  const [title, told, breaks, noticed] = ["Title", "Class", "Breaks", "Noticed"].map((name) =>
    fields.get(name),
  );
  const changes = [...text.matchAll(CHANGED)].map(([, path = ""]) => path);
  const isWhole = title && breaks && noticed && told === group && changes.length > 0;
  if (!isWhole) {
    throw new Error(
      `${group}/${basename(file)} must begin with Title:, Class: ${group}, Breaks: and Noticed:, and have a diff behind them`,
    );
  }
  return { slug: basename(file, ".patch"), class: group, title, breaks, noticed, file, changes };
}

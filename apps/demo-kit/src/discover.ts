import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DemoError } from "./errors.ts";

export interface Demo {
  /** The name of its directory. */
  readonly name: string;
  /** One line. */
  readonly title: string;
  /** The file to run, which the build of its package makes. */
  readonly command: string;
  /** The TypeScript file that exports its `HELP`, and needs nothing that has to be built. */
  readonly help: string;
  readonly isDefault: boolean;
}

/**
 * The packages in the directory whose package.json has a `demo` field, the default one first:
 * `"demo": { "title": "one line", "command": "dist/main.js", "help": "src/options.ts", "default": true }`.
 * @throws DemoError when such a field is malformed
 */
export async function discoverDemos(directory: string): Promise<Demo[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const found = await Promise.all(names.map((name) => readDemo(directory, name)));
  const demos = found.filter((demo) => demo !== undefined);
  return demos.sort((a, b) => Number(b.isDefault) - Number(a.isDefault) || a.name.localeCompare(b.name));
}

async function readDemo(directory: string, name: string): Promise<Demo | undefined> {
  const file = join(directory, name, "package.json");
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const { demo }: { demo?: unknown } = JSON.parse(text);
  if (demo === undefined) return undefined;
  const fields: Partial<Record<string, unknown>> =
    typeof demo === "object" && demo !== null ? { ...demo } : {};
  const { title, command, help, default: isDefault = false } = fields;
  const isText = (field: unknown): field is string => typeof field === "string";
  if (!isText(title) || !isText(command) || !isText(help) || typeof isDefault !== "boolean") {
    throw new DemoError(
      `${file}: "demo" needs "title", "command" and "help"; "default" may be true or false`,
    );
  }
  const path = (part: string) => join(directory, name, part);
  return { name, title, command: path(command), help: path(help), isDefault };
}

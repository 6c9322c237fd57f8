import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { files, read } from "./support/repository.ts";

// Biome looks at the sizes of TypeScript: see biome.json.
const LONGEST = { file: 250, function: 50 };

/** How many lines each function has that begins on a line of its own, by its first line. */
function functionsOf(source: string): Map<string, number> {
  const lines = source.split("\n");
  const sizes = new Map<string, number>();
  for (const [from, line] of lines.entries()) {
    const [, indent] = /^( *)(?:local )?function /.exec(line) ?? [];
    if (indent === undefined) continue;
    const to = lines.findIndex((other, index) => index > from && other.startsWith(`${indent}end`));
    sizes.set(line.trim(), to - from + 1);
  }
  return sizes;
}

const scripts = [...files].filter((path) => path.startsWith("packages/") && path.endsWith(".lua"));

describe("Lua", () => {
  it.each(scripts)("%s has no long function, and is not long itself", (path) => {
    const source = read(path);
    expect(source.trimEnd().split("\n").length).toBeLessThanOrEqual(LONGEST.file);
    const long = [...functionsOf(source)].filter(([, lines]) => lines > LONGEST.function);
    expect(long).toEqual([]);
  });

  it("is found, with the functions of its files", () => {
    expect(scripts.length).toBeGreaterThan(20);
    const queue = scripts.find((path) => basename(path) === "queue.lua") ?? "";
    const sizes = functionsOf(read(queue));
    expect(sizes.size).toBeGreaterThan(15);
    expect(sizes.get("function queue.serve(k, held, self, self_kind)")).toBeGreaterThan(20);
  });
});

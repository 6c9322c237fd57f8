import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { readOptions } from "../src/options.ts";
import { CODE } from "../src/story.ts";

describe("the code that is shown", () => {
  it("is the code that runs", async () => {
    const files = ["guards", "producer", "worker"].map(
      (name) => new URL(`../src/${name}.ts`, import.meta.url),
    );
    const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
    const source = texts.join("\n").replace(/\s+/g, " ");
    for (const line of CODE) expect(source).toContain(line.trim().split(" …")[0]);
  });
});

describe("the options", () => {
  it("are with the guard when nothing is said", () => {
    expect(readOptions([])).toEqual({ guard: true, keep: false, help: false });
    expect(readOptions(["--no-guard", "--keep"])).toEqual({ guard: false, keep: true, help: false });
    expect(() => readOptions(["--guard\u001b"])).toThrow("pnpm demo bullmq-reports --help");
  });
});

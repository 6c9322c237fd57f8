import { readdir, readFile } from "node:fs/promises";
import { expect, it } from "vitest";

const folder = new URL("../.changeset/", import.meta.url);
const names = (await readdir(folder)).filter((name) => name.endsWith(".md") && name !== "README.md");

it.each(names)("%s is one that changesets can read", async (name) => {
  const text = await readFile(new URL(name, folder), "utf8");
  // A formatter of Markdown takes the lines between the dashes for a heading.
  expect(text).toMatch(/^---\n("@lock\/[a-z]+": (major|minor|patch)\n)+---\n\n\S/);
});

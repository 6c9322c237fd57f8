import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parsePage } from "../../test/support/markdown.ts";

const here = new URL("./", import.meta.url);
const { tables, links } = parsePage(readFileSync(new URL("../README.md", here), "utf8"));
const [faults, others] = tables;

/** The titles of the tests of a file. Each is written out, so that it is found by the name of its source. */
function titlesOf(file: string): string[] {
  const text = readFileSync(new URL(file, here), "utf8");
  const titles = [...text.matchAll(/\bit\(\s*"([^"\\]+)"/g)].map(([, title]) => `${title}`);
  expect(titles, `every test of ${file} has a title`).toHaveLength(text.match(/^ *it\b/gm)?.length ?? 0);
  return titles;
}

/** The sources of a cell: issues are links, packages are words. */
const sourcesOf = (cell: string | undefined): string[] =>
  (cell ?? "").split(", ").map((source) => source.replace(/^\[(.+)\]$/, "$1").replaceAll("`", ""));

it("every test is in the index, under its own source and symptom, and every row has a test", () => {
  const files = readdirSync(here).filter((file) => file.endsWith(".test.ts") && file !== "index.test.ts");
  const tests = files.flatMap((file) => titlesOf(file).map((title) => `${title} (test/${file})`));
  const rows = faults?.rows.map(([sources, symptom, , test]) => {
    const [, file] = /^\[\w+\]\((.+)\)$/.exec(test ?? "") ?? [];
    return `${sourcesOf(sources).join(", ")}: ${symptom} (${file})`;
  });
  expect(tests.length).toBeGreaterThan(80);
  expect(rows?.toSorted()).toEqual(tests.toSorted());
});

it("every issue that a row names is linked, and no other", () => {
  const sources = [...(faults?.rows ?? []), ...(others?.rows ?? [])].flatMap(([cell]) => sourcesOf(cell));
  const issues = sources.filter((source) => source.includes("#"));
  const addresses = issues.map((issue) => `https://github.com/${issue.replace("#", "/issues/")}`);
  const linked = links.map(({ to }) => to).filter((to) => to.startsWith("https:"));
  expect(new Set(linked)).toEqual(new Set(addresses));
});

it("every row says what holds here, or why there is no test", () => {
  for (const [, , holds] of faults?.rows ?? []) expect(holds).toMatch(/\w+ \w+/);
  for (const [, , reason] of others?.rows ?? []) expect(reason).toMatch(/^[A-Z].+\.$/);
  expect(others?.rows.length).toBeGreaterThan(0);
});

import { posix } from "node:path";
import ts from "typescript";
import { type Link, parsePage, type Table } from "./markdown.ts";
import { files, folders, read } from "./repository.ts";

/** Made by a command that its page names; Git ignores it. */
const GENERATED = ["results/latest.json"];

/** What is wrong with the files and tests that a page names: nothing, where all is well. */
export function wrongNames(page: string, markdown: string): string[] {
  const { links, spans, tables, paragraphs } = parsePage(markdown);
  const faults = [
    ...links.flatMap(({ to, title }) => wrongTitle(page, to, title)),
    ...links.flatMap(wrongText),
    ...spans.flatMap((span) => span.split(/\s+/)).flatMap((word) => wrongPath(page, word, tables)),
    ...tables.flatMap(cellsWithoutTest),
    ...paragraphs.flatMap(sentencesWithoutTest),
  ];
  return faults.map((fault) => `${page}: ${fault}`);
}

/** A link that shows one file and leads to another. */
function wrongText({ to, spans }: Link): string[] {
  const [target = ""] = to.split("#");
  return spans
    .filter((span) => isPath(span) && !`/${target}`.endsWith(`/${span.replace(/\/$/, "")}`))
    .map((span) => `\`${span}\` is a link to ${to}`);
}

function wrongTitle(page: string, link: string, title: string | undefined): string[] {
  const file = posix.join(posix.dirname(page), link);
  if (title === undefined || !file.endsWith(".test.ts") || titlesOf(file).has(title)) return [];
  return [`"${title}" is no test of ${link}`];
}

/** The titles of the tests of a file, and of what groups them, as they are written. */
function titlesOf(file: string): ReadonlySet<string> {
  const titles = new Set<string>();
  if (!files.has(file)) return titles;
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(it|test|describe)\b/.test(node.expression.getText(source))) {
      const [title] = node.arguments;
      if (title && ts.isStringLiteralLike(title)) titles.add(title.text);
    }
    ts.forEachChild(node, visit);
  };
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest);
  visit(source);
  return titles;
}

const EXTENSION = /^[\w.<>-]+(\/[\w.<>-]+)*\.(ts|mts|cts|mjs|cjs|js|lua|json|md|yml|sh|c|css|html)$/;
const FOLDER = /^[\w-][\w.-]*(\/[\w.-]+)*\/$/;
const IN_REPOSITORY = /^(\.ci|src|test|docs|packages|apps|tooling|bench)\/[\w./<>-]+$/;

function isPath(word: string): boolean {
  return [EXTENSION, FOLDER, IN_REPOSITORY].some((shape) => shape.test(word));
}

function wrongPath(page: string, word: string, tables: readonly Table[]): string[] {
  const [path = ""] = word.split("#");
  if (!isPath(path) || GENERATED.includes(path)) return [];
  const found = inTables(path, tables) ?? resolve(page, path);
  if (found.length === 0) return [`\`${word}\` is neither a file nor a folder of the repository`];
  if (found.length > 1 && !path.includes("<")) return [`\`${word}\` may be ${found.join(" or ")}: say which`];
  return [];
}

/** A table whose first column is "in `a/folder`" names what is in that folder: at most one thing is told, if any. */
function inTables(path: string, tables: readonly Table[]): string[] | undefined {
  for (const { columns, rows } of tables) {
    const [, folder] = /^in `(.+)`$/.exec(columns[0] ?? "") ?? [];
    if (!folder || !rows.some((cells) => cells.some((cell) => cell.includes(`\`${path}\``)))) continue;
    const found = endingWith(path, folder);
    return found.slice(0, 1);
  }
  return;
}

/** As a reader would look for it: beside the page, from the root, or the only one of that name. */
function resolve(page: string, path: string): string[] {
  const [owner = ""] = /^(packages|apps|tooling)\/[^/]+|^bench/.exec(page) ?? [];
  for (const base of [posix.dirname(page), owner, ""]) {
    const exact = matching(`^${pattern(posix.join(base, path))}$`);
    if (exact.length > 0) return exact.slice(0, 1);
  }
  return endingWith(path, owner);
}

function endingWith(path: string, folder: string): string[] {
  return matching(`^${pattern(folder)}(?:.*/)?${pattern(path)}$`);
}

function matching(expression: string): string[] {
  const whole = new RegExp(expression);
  return [...files, ...folders].filter((path) => whole.test(path));
}

/** `<client>` stands for any name. */
function pattern(path: string): string {
  return path
    .replace(/\/$/, "")
    .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replace(/<[^>]+>/g, "[^/]+");
}

function cellsWithoutTest({ columns, rows }: Table): string[] {
  const column = columns.indexOf("test");
  if (column < 0) return [];
  return rows.flatMap((cells) =>
    cells[column]?.startsWith("[") ? [] : [`the test "${cells[column]}" is named without a link to it`],
  );
}

function sentencesWithoutTest(paragraph: string): string[] {
  return (paragraph.match(/\bTests?:\s+`[^`]*`/g) ?? []).map((words) => `"${words}" is no link to a test`);
}

import { expect, it } from "vitest";
import { brokenLinks, homepage } from "./support/links.ts";
import { wrongNames } from "./support/names.ts";
import { pages, read } from "./support/repository.ts";

it("every link of every page leads to a file, and to a heading of it", () => {
  expect(pages.length).toBeGreaterThan(40);
  expect(pages.flatMap((page) => brokenLinks(page, read(page)))).toEqual([]);
});

it("every file and every test that a page names exists", () => {
  expect(pages.flatMap((page) => wrongNames(page, read(page)))).toEqual([]);
});

const core = "packages/core/README.md";
const express = "packages/express/README.md";

it.each([
  { page: "README.md", link: "docs/nothing.md", fault: "is no file of the repository" },
  { page: "README.md", link: "docs/errors.md#nothing", fault: "is no heading of that page" },
  { page: "README.md", link: "#nothing", fault: "is no heading of that page" },
  { page: "README.md", link: "LICENSE#licence", fault: "has an anchor, but is no page" },
  { page: "docs/errors.md", link: "../../outside.md", fault: "is no file of the repository" },
  { page: core, link: "../../docs/errors.md", fault: "is not in the tarball of packages/core" },
  { page: core, link: "src/index.ts", fault: "is not in the tarball of packages/core" },
  { page: core, link: "../express/README.md", fault: "is not in the tarball of packages/core" },
  { page: express, link: "help/NOTHING.md", fault: "is not in the tarball of packages/express" },
  { page: core, link: `${homepage}/docs/nothing.md`, fault: "is no file of the repository" },
  { page: core, link: `${homepage}/docs/errors.md#nothing`, fault: "is no heading of that page" },
  { page: core, link: `${homepage}/docs`, fault: "is no file of the repository" },
  { page: core, link: homepage.replace("https", "http"), fault: "does not begin with" },
  { page: core, link: "https://other.example/docs/errors.md", fault: "does not begin with" },
])("a link of $page to $link is refused", ({ page, link, fault }) => {
  for (const markdown of [`[text](${link})`, `![text](${link})`, `[text][1]\n\n[1]: ${link}`])
    expect(brokenLinks(page, markdown)[0]).toContain(fault);
});

it.each([
  { page: "README.md", link: "docs/adr" },
  { page: "README.md", link: "docs/errors.md" },
  { page: "README.md", link: "#a-heading" },
  { page: express, link: "help/LOCK_ROUTE_MOUNTED_TWICE.md" },
  { page: core, link: `${homepage}/docs/guarantees.md#a-quorum` },
  { page: core, link: homepage },
  { page: core, link: "https://www.rfc-editor.org/rfc/rfc9457" },
])("a link of $page to $link is taken", ({ page, link }) => {
  expect(brokenLinks(page, `# A \`heading\`\n\n[text](${link})`)).toEqual([]);
});

it("a link without a definition is refused", () => {
  expect(brokenLinks("README.md", "Tests: [nothing].")).toEqual(["README.md: [nothing] has no definition"]);
});

const guarantees = "docs/guarantees.md";
const lease = "../packages/core/test/lease.test.ts";

it.each([
  { page: guarantees, text: `[words](${lease} "no such title")`, fault: "is no test of" },
  { page: guarantees, text: "Test: `lease`.", fault: "is no link to a test" },
  { page: guarantees, text: "| fault | test |\n| - | - |\n| one | lease |", fault: "without a link" },
  { page: guarantees, text: "`quorum/nothing.test.ts`", fault: "neither a file nor a folder" },
  {
    page: guarantees,
    text: "run `npx vitest run packages/core/nothing`",
    fault: "neither a file nor a folder",
  },
  { page: guarantees, text: "`nothing/`", fault: "neither a file nor a folder" },
  { page: guarantees, text: "`bad-input.test.ts`", fault: "say which" },
  { page: guarantees, text: "`packages/<name>/test/nothing.test.ts`", fault: "neither a file nor a folder" },
  { page: guarantees, text: `[\`fencing.test.ts\`](${lease})`, fault: "is a link to" },
  { page: express, text: "`src/locks.ts`", fault: "neither a file nor a folder" },
  {
    page: "README.md",
    text: "| in `packages/core/src` |\n| - |\n| `serve.ts` |",
    fault: "neither a file nor",
  },
])("a page that says $text is refused", ({ page, text, fault }) => {
  expect(wrongNames(page, text)[0]).toContain(fault);
});

it.each([
  { page: guarantees, text: `[words](${lease} "does not retry what will not pass")` },
  { page: guarantees, text: `| fault | test |\n| - | - |\n| one | [lease](${lease}) |` },
  {
    page: guarantees,
    text: "`packages/<name>/test/bad-input.test.ts`, `queue.lua`, `packages/core/package.json#exports`",
  },
  {
    page: express,
    text: "`src/hold.ts`, `hold.ts`, `application/json`, `req.params`, `https://one.example/a.html`",
  },
  { page: "README.md", text: "| in `packages/express/src` |\n| - |\n| `index.ts` |" },
])("a page that says $text is taken", ({ page, text }) => {
  expect(wrongNames(page, text)).toEqual([]);
});

import { expect, it } from "vitest";
import { columnsOf, fit, pad, reflow } from "../src/fit.ts";
import { Table } from "../src/table.ts";

it.each([
  ["as long as the line is short", "  a  b", 40, ["  a  b"]],
  ["between words", "one two three four", 10, ["one two", "three four"]],
  [
    "below the text of an option",
    "  --log F   where it is written to",
    24,
    ["  --log F   where it is", "            written to"],
  ],
  ["below the text of a bullet", "  • three words more", 12, ["  • three", "    words", "    more"]],
  ["never within a word", "see /a/long/path/to/a/file now", 12, ["see", "/a/long/path/to/a/file", "now"]],
  ["by what a terminal shows", "日本 日本 日本", 9, ["日本 日本", "日本"]],
])("breaks a line %s", (_, text, columns, lines) => {
  expect(fit(text, columns).split("\n")).toEqual(lines);
});

it("does not count colours, and keeps them", () => {
  const painted = fit("  \u001b[36mkeeper-2\u001b[39m  \u001b[33mlearns that its lead is lost\u001b[39m", 30);
  const [first = "", second = ""] = painted.split("\n");
  expect(first).toContain("\u001b[36mkeeper-2\u001b[39m  \u001b[33mlearns that");
  expect(second).toMatch(/^ {12}\S*lead is lost/);
});

it.each([
  [{ COLUMNS: "60" }, 120, 60],
  [{ COLUMNS: "many" }, 72, 72],
  [{ COLUMNS: "" }, undefined, 80],
  [{}, 0, 80],
  [{}, 12, 40],
  [{}, 400, 100],
])("has with %j on a terminal of %s columns %i of them", (env, terminal, expected) => {
  expect(columnsOf(env, terminal ?? 0)).toBe(expected);
});

it("joins the lines of a paragraph, and those of an option, and no others", () => {
  const text = "One\ntwo\nthree.\n\n  a       b\n          c\n  d       e\n\nFour\nfive.\n";
  expect(reflow(text)).toBe("One two three.\n\n  a       b c\n  d       e\n\nFour five.\n");
});

it("pads by what a terminal shows", () => {
  expect([pad("日本", 6), pad("日本", -6), pad("\u001b[36ma\u001b[39m", 3)]).toEqual([
    "日本  ",
    "  日本",
    "\u001b[36ma\u001b[39m  ",
  ]);
});

const COLUMNS = {
  name: { title: "name", width: 6 },
  size: { title: "size", width: -5, rank: 1 },
  time: { title: "time", width: 8, rank: 2 },
} as const;
const CELLS = { name: "a", size: "10", time: "12:00:00" };

it.each([
  [23, "name     size  time", "a          10  12:00:00"],
  [22, "name     size", "a          10"],
  [12, "name", "a"],
])("a table has in %i columns what fits", (room, header, row) => {
  const table = new Table(COLUMNS, 0, room);
  expect([table.header, table.row(CELLS)]).toEqual([header, row]);
  expect(new Table(COLUMNS, 2, room + 2).header).toBe(header);
  expect([room, 5].map((columns) => new Table(COLUMNS, 0, columns).fits)).toEqual([true, false]);
});

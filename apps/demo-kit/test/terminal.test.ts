import { expect, it } from "vitest";
import { printable, quoted } from "../src/terminal.ts";

it.each([
  ["plain, grün, 日本 🎉", "plain, grün, 日本 🎉"],
  ["red \u001b[31m", "red \\u{1b}[31m"],
  ["two\r\nlines\u2028three", "two\\u{d}\\u{a}lines\\u{2028}three"],
  ["turned \u202e around", "turned \\u{202e} around"],
])("shows %j as one harmless line", (text, shown) => {
  expect(printable(text)).toBe(shown);
});

it("cuts what is long", () => {
  expect(quoted("x".repeat(100))).toBe(`"${"x".repeat(60)}…"`);
});

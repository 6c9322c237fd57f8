import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { printable } from "../src/output/printable.ts";
import { Table } from "../src/output/table.ts";

const COLUMNS = {
  key: { title: "KEY", width: 12, grows: 3 },
  holder: { title: "HOLDER", width: 12, grows: 2 },
  mode: { title: "MODE", width: 9, rank: 1 },
  waiting: { title: "WAIT", width: 5, right: true },
};
/** Marks, syllables of several parts, wide characters of many ages, pairs of surrogates: libraries differ in their widths. */
const PARTS = [
  ..."a 漢한ﷺé☃⌚⚡กำाשֹ𗀀𒐫𝒳𠮷ｱ（⸻䷀",
  ...["नि", "e\u0301", "\u1112\u1161\u11ab", "\u1100\u1161", "1\ufe0f\u20e3", "👍🏽", "🇩🇪", "\u{1fae8}"],
];

/** The last column is aligned to the right: a line that is as wide as the header ends where the terminal does. */
function expectRow(key: string, holder: string, columns: number): void {
  const table = new Table(COLUMNS, columns);
  const line = table.row({ key, holder, mode: "exclusive", waiting: "17" });
  expect(stringWidth(line)).toBe(stringWidth(table.header));
  expect(stringWidth(line)).toBeLessThanOrEqual(columns);
  expect(line).not.toMatch(/\p{Cs}/u);
  // What is shown of a key is how it begins.
  let same = 0;
  while (same < key.length && line[same] === key[same]) same += 1;
  if (same < key.length) expect(line.slice(Math.max(0, same - 1), same + 1)).toContain("…");
}

describe("a row of a table ends where the terminal does, and has whole characters", () => {
  it.each(PARTS)("of many %j", (part) => {
    for (const columns of [40, 41, 60, 61, 80, 97]) expectRow(part.repeat(99), "host:1", columns);
  });

  it("of any text", () => {
    const texts = fc.oneof(
      fc.array(fc.constantFrom(...PARTS), { maxLength: 60 }).map((parts) => parts.join("")),
      fc.string({ unit: "binary", maxLength: 60 }),
    );
    fc.assert(
      fc.property(texts, texts, fc.integer({ min: 40, max: 120 }), (key, holder, columns) => {
        // A mark at the beginning would be measured with the space before it.
        expectRow(`k${printable(key)}`, `h${printable(holder)}`, columns);
      }),
      { numRuns: 500 },
    );
  });
});
